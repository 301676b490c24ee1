//! Words that decide what may stay in a template.

use std::{collections::HashSet, sync::LazyLock};

/// Words of log lines that name nobody and give nothing away. They stay where another word would be
/// taken for a name or a secret: `password expired`, `user not found`, `Bad Gateway`.
const ORDINARY: &str = "\
a abort aborted about above accept accepted access across activated active add added address \
after again agent all allocate allocated allowed already also always amazon an and another any \
apache api app application apply are argument array as assert assertion at attempt attempts auth \
authenticated authentication authorization authorized available azure back backend background \
backup bad base bash batch be because become been before begin being between bind body boot \
booting both broken buffer bug build built busy but by bytes cache call called can cancel \
canceled cancelled cannot capacity cassandra caused certificate change changed changes channel \
check checked checkpoint checks child chrome class clean cleanup client close closed closing \
cloud cluster code column command commit committed complete completed component config \
configuration configured conflict connect connected connecting connection connections constraint \
consul consumer container content context controller copy corrupt could count create created \
creating creation critical current daemon data database date deadlock debian debug declined \
default defined delete deleted deleting denied deprecated destroy destroyed detected device did \
different directory disabled disconnect disconnected disk dispatch do docker does done down \
download drop dropped due duplicate during each elastic elasticsearch empty enabled end ended \
endpoint engine enough entry environment envoy error errors event events exceeded exceeds \
exception exec execute executing execution exist existing exists exit exited expected expire \
expired expires expiry express external fail failed failing fails failure false fatal feature \
fetch fetching field file files find finish finished first flask flush folder for forbidden \
format found from full function gateway generated get give global gone google got grafana group \
gunicorn had handle handled handler handling has hash have header health healthy heartbeat \
hibernate hit host how idle if ignored ignoring illegal image implemented import in inactive \
incoming incomplete incorrect index info initialization initialized initializing input insert \
inside instance insufficient interface internal interrupted into invalid invocation is issue \
issued it its java jetty job jobs join joined kafka key keycloak kill killed kubernetes large \
last latency layer leader left length library limit line link linux list listen listener \
listening load loaded loading local lock locked log logged logger logging login logout loki long \
loop lost low main make malformed manager many mapping master match matching max maximum may \
medium memory message messages metadata method metrics migration minimum mismatch missing mode \
module mongo monitor more must name native netty network new next nginx no node none not nothing \
notice notification null number object of off offline ok old on once one online only open opened \
opening operation option or order other out outdated outgoing output outside over overflow \
overloaded own package page parameter parent parse parsing part partial partition path payload \
payment peer pending permission permitted ping pipeline plan please plugin point pool port \
possible post postgres present previous primary print prisma proceed process processed processes \
processing producer profile program progress prometheus protocol provided provider proxy pull \
puma push put python query queue quit rabbit rails raised range rate reached read reading ready \
really reason rebuild receive received receiving reconnect reconnecting record recover recovered \
recovery redirect redis refresh refreshed refused register registered registration reject \
rejected release released reload remote remove removed rename renew replica reply report request \
requested requests require required reset resolution resolve resolved resource response restart \
restarted restarting restore result resume retry retrying return returned returning revoked role \
rollback root route router ruby rule run running runtime save saved scan schedule scheduled \
scheduler schema script search second seconds see seen segment select send sending sent sentry \
sequence serialization server service session sessions set setting settings setup shard should \
shutdown signal since size skip skipped slow snapshot so socket some source spawn spawned \
specified spring sqlite stack stage stale standby start started starting startup state statement \
status step still stop stopped stopping storage store stream string stripe subscription succeeded \
success successful successfully such switch sync system table task tasks temporary terminated \
terminating termination test than that the their then there they this thread threads throttled \
through thrown time timed timeout to tokio tomcat too total trace traefik transaction transfer \
trigger triggered true try trying type unable unauthorized unavailable uncaught undefined \
undertow unexpected unhandled unhealthy unicorn unique unknown unlock unreachable unsafe \
unsupported until up update updated updating upgrade upload upstream usage use used user using \
valid validated validation value values vault verification verified verify version via violated \
violates violation wait waiting warmup warn warning was watch we web when where which while will \
windows with within without worker workers would write writing written wrong yet you your zero \
zookeeper";

/// Words after which a secret follows.
const SECRETS: &str = "\
apikey authorization basic bearer bic cookie cookies credential credentials csrf cvc cvv digest \
hmac iban jwt key keys mnemonic nonce otp pass passphrase passwd password pin pw pwd salt secret \
secrets seed session sessionid sid sig signature ssn token tokens totp xsrf";

/// Endings of longer names for secrets: `clientSecret`, `dbpassword`.
const SECRET_ENDS: [&str; 7] =
    ["password", "passwd", "passphrase", "secret", "token", "apikey", "cookie"];

/// Secrets of several words.
const SECRET_LINES: &str = "authorization cookie cookies mnemonic passphrase seed";

/// Words after which a person, or what belongs to one, is named.
const PERSONS: &str = "\
account accounts author buyer city client clients contact customer customers dear dr email employee \
frau guest hello herr hi login madam mail member members miss mr mrs ms name names nick nickname owner \
passenger patient people person phone prof profile profiles recipient seller sender sir street student \
subscriber user username users welcome";

/// Folders in which people have their own.
const HOMES: &str = "home users u";

const LEVEL_KEYS: &str = "\
at l level level_name level_value levelname levelno log.level log_level loglevel lvl priority severity \
severity_number severity_text severitynumber severitytext";

/// Names with digits that are the same in every line.
const FIXED: &str = "\
arm64 base64 ec2 float32 float64 h2 h2c hs256 http2 http3 i18n int32 int64 ipv4 ipv6 k8s md5 oauth2 p50 \
p90 p95 p99 rs256 s3 sha1 sha256 sha512 uint32 uint64 utf-8 utf16 utf8 v1 v2 v3 v4 x509 x86_64";

/// Months, days and zones.
const TIME: &str = "\
am apr aug cdt cest cet cst dec edt est feb fri gmt ist jan jst jul jun mar may mdt mon mst nov oct \
pdt pm pst sat sep sun thu tue utc wed";

/// Bytes of the longest word of any list.
const LONGEST: usize = 16;

/// A list of words, ready to be asked.
struct List(LazyLock<HashSet<&'static str>>);

macro_rules! list {
    ($words:expr) => {
        List(LazyLock::new(|| $words.split(' ').collect()))
    };
}

static ORDINARY_LIST: List = list!(ORDINARY);
static SECRET_LIST: List = list!(SECRETS);
static SECRET_LINE_LIST: List = list!(SECRET_LINES);
static PERSON_LIST: List = list!(PERSONS);
static HOME_LIST: List = list!(HOMES);
static LEVEL_KEY_LIST: List = list!(LEVEL_KEYS);
static FIXED_LIST: List = list!(FIXED);
static TIME_LIST: List = list!(TIME);

impl List {
    /// Whether it has a word, in any case.
    fn has(&self, word: &str) -> bool {
        let mut lower = [0; LONGEST];
        let Some(lower) = lower.get_mut(..word.len()) else { return false };
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        std::str::from_utf8(lower).is_ok_and(|word| self.0.contains(word))
    }
}

/// What a word announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announces {
    Nothing,
    /// The next word names a person.
    Person,
    /// The next word is a secret.
    Secret,
    /// Everything up to the end of the line is a secret.
    SecretLine,
}

pub(super) fn announces(word: &str) -> Announces {
    let last = last_part(word);
    let ends = |end: &&str| {
        let tail = word.len().checked_sub(end.len()).and_then(|at| word.as_bytes().get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    if SECRET_LINE_LIST.has(last) {
        Announces::SecretLine
    } else if SECRET_LIST.has(last) || SECRET_ENDS.iter().any(ends) {
        Announces::Secret
    } else if PERSON_LIST.has(last) || ends(&"name") {
        Announces::Person
    } else {
        Announces::Nothing
    }
}

pub(super) fn is_ordinary(word: &str) -> bool {
    ORDINARY_LIST.has(word)
}

/// Whether what is below this folder names a person.
pub(super) fn is_home(word: &str) -> bool {
    HOME_LIST.has(word)
}

/// Whether the value of this key is a level.
pub(super) fn is_level_key(word: &str) -> bool {
    LEVEL_KEY_LIST.has(word.trim_start_matches('@'))
}

/// Whether a word keeps its digits.
pub(super) fn is_fixed(word: &str) -> bool {
    FIXED_LIST.has(word)
}

/// Whether a word is a part of a date, written as in dates: some are other words too.
pub(super) fn is_of_time(word: &str) -> bool {
    let shouted = word == word.to_ascii_uppercase();
    let named = word.starts_with(|c: char| c.is_ascii_uppercase());
    (shouted || (named && word.len() == 3)) && TIME_LIST.has(word)
}

/// The last word of several in one: `token` of `access_token`, `X-Token` and `accessToken`.
fn last_part(word: &str) -> &str {
    let part = word.rsplit(['_', '-', '.']).next().unwrap_or(word);
    if part.chars().all(|c| !c.is_lowercase()) {
        return part;
    }
    let hump = part.char_indices().rev().find(|(_, c)| c.is_uppercase());
    hump.and_then(|(at, _)| part.get(at..)).unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_word_announces_is_told_by_its_last_part() {
        for (word, announced) in [
            ("password", Announces::Secret),
            ("DB_PASSWORD", Announces::Secret),
            ("clientSecret", Announces::Secret),
            ("dbpassword", Announces::Secret),
            ("X-Api-Key", Announces::Secret),
            ("Authorization", Announces::SecretLine),
            ("Set-Cookie", Announces::SecretLine),
            ("userName", Announces::Person),
            ("surname", Announces::Person),
            ("Mrs", Announces::Person),
            ("monkey", Announces::Nothing),
            ("tokenizer", Announces::Nothing),
            ("", Announces::Nothing),
        ] {
            assert_eq!(announces(word), announced, "{word}");
        }
    }

    #[test]
    fn no_listed_word_is_longer_than_what_is_asked_for() {
        for list in [&ORDINARY_LIST, &SECRET_LIST, &PERSON_LIST, &LEVEL_KEY_LIST, &FIXED_LIST] {
            let longest = list.0.iter().map(|word| word.len()).max().unwrap();
            assert!(longest <= LONGEST && list.0.iter().all(|word| list.has(word)), "{longest}");
        }
    }

    #[test]
    fn words_of_dates_count_only_as_dates_write_them() {
        assert!(["Mon", "Oct", "UTC", "PM"].iter().all(|word| is_of_time(word)));
        assert!(!["may", "am", "sat", "Cest", "Monday"].iter().any(|word| is_of_time(word)));
    }
}
