//! Who we are to a registry: what the Docker configuration and its credential helpers say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    path::Path,
};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use ops_core::world::Fault;
use ops_engine::ports::Look;

/// The name under which the configuration has Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";

/// What to show a registry. No configuration, or none for this registry: nobody. A helper is a
/// program, so this may take a while.
pub(super) fn of(config: &Path, registry: &str) -> Look<RegistryAuth> {
    let file = match File::open(config) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(RegistryAuth::Anonymous);
        }
        Err(error) => return Err(unusable(config, registry, &error.to_string())),
    };
    let server = if matches!(registry, "docker.io" | "index.docker.io") { HUB } else { registry };
    match docker_credential::get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        // What a helper said is not passed on: it may hold what it was asked for (P13).
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(unusable(config, registry, &format!("the credential helper {helper} failed")))
        }
        Err(error) => Err(unusable(config, registry, &error.to_string())),
    }
}

/// What there is in a configuration, without any of it (P13).
pub(super) fn told(config: &Path) -> Look<String> {
    #[derive(serde::Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Shape {
        auths: BTreeMap<String, serde_json::Value>,
        cred_helpers: BTreeMap<String, String>,
        creds_store: Option<String>,
    }
    let refused = |why: &str| {
        Fault::new(
            format!("the credentials for registries cannot be read: {why}"),
            config.display().to_string(),
            "correct the file, or run `docker login` again as the user that runs ops",
        )
    };
    let text = match std::fs::read(config) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok("none: registries are asked as nobody".to_owned());
        }
        Err(error) => return Err(refused(&error.to_string())),
    };
    // The parser's own words would show a part of the file.
    let shape: Shape =
        serde_json::from_slice(&text).map_err(|_| refused("it is no configuration of Docker's"))?;
    let named: BTreeSet<&String> = shape.auths.keys().chain(shape.cred_helpers.keys()).collect();
    let store = shape.creds_store.map_or(String::new(), |name| format!(", and the helper {name}"));
    let registries = if named.len() == 1 { "registry" } else { "registries" };
    Ok(format!("for {} {registries}{store}", named.len()))
}

fn unusable(config: &Path, registry: &str, why: &str) -> Fault {
    Fault::new(
        format!("the credentials for {registry} cannot be had: {why}"),
        config.display().to_string(),
        format!("run `docker login {registry}` as the user that runs ops"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Look<RegistryAuth> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        std::fs::write(&config, text).unwrap();
        of(&config, "127.0.0.1:5000")
    }

    #[test]
    fn credentials_are_those_of_this_registry_and_nobody_without_any() {
        // `user:word` in base64.
        let text =
            r#"{"auths":{"127.0.0.1:5000":{"auth":"dXNlcjp3b3Jk"},"other":{"auth":"eDp5"}}}"#;
        let basic = RegistryAuth::Basic("user".to_owned(), "word".to_owned());
        assert_eq!(asked(text).unwrap(), basic);
        assert_eq!(asked("{}").unwrap(), RegistryAuth::Anonymous);
        let none = of(Path::new("/nowhere/config.json"), "127.0.0.1:5000");
        assert_eq!(none.unwrap(), RegistryAuth::Anonymous);
    }

    #[test]
    fn p13_how_many_credentials_there_are_is_told_and_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        assert!(told(&config).unwrap().contains("as nobody"));
        let text = r#"{"auths":{"a":{"auth":"dXNlcjp3b3Jk"}},"credHelpers":{"a":"x","b":"y"}}"#;
        std::fs::write(&config, text).unwrap();
        assert_eq!(told(&config).unwrap(), "for 2 registries");
        std::fs::write(&config, r#"{"auths":"hush"}"#).unwrap();
        let fault = told(&config).unwrap_err().to_string();
        assert!(fault.contains("docker login") && !fault.contains("hush"), "{fault}");
    }

    #[test]
    fn p8_what_cannot_be_read_is_told_and_never_taken_for_nobody() {
        assert!(asked("{").is_err());
        assert!(asked(r#"{"auths":{"127.0.0.1:5000":{"auth":"%%%"}}}"#).is_err());
        let fault = asked(r#"{"credHelpers":{"127.0.0.1:5000":"ops-absent"}}"#).unwrap_err();
        assert!(fault.to_string().contains("docker login"), "{fault}");
    }
}
