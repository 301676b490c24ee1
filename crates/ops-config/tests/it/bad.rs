//! What people read about bad files.

use ops_config::{Complaints, Look};

use crate::{FULL, MINIMAL, read};

fn bad(text: &str) -> Complaints {
    match read(text) {
        Ok(_) => panic!("this was taken:\n{text}"),
        Err(complaints) => complaints,
    }
}

/// The minimal file with further lines for its service.
fn service(lines: &str) -> String {
    lines.lines().fold(MINIMAL.to_owned(), |text, line| format!("{text}    {line}\n"))
}

/// The minimal file with further lines at its top.
fn top(lines: &str) -> String {
    format!("{lines}\n{MINIMAL}")
}

/// The minimal file with a piece replaced.
fn but(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replace(from, to)
}

const TWO_ENVIRONMENTS: &str = "\
environments:
  staging: { ports: 21000-21999 }
  production: { ports: 20000-20999 }
";

/// The minimal file with a second environment and further lines for its service.
fn staged(lines: &str) -> String {
    format!("{TWO_ENVIRONMENTS}{}", service(lines))
}

const NINE: &str = "cron: \"0 9 * * *\", zone: UTC, for: 1h";

/// One window that is open then.
fn window(opening: &str) -> String {
    format!("windows:\n  - name: then\n    allow: {{ {opening} }}")
}

macro_rules! complaints {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(bad(&$text).to_string());
        }
    )*};
}

mod signals;

complaints! {
    // YAML itself.
    a_tab: "version: 1\nservices:\n\tshop: {}\n";
    an_open_bracket: "version: 1\nedge: { listen: [127.0.0.1:8080 }\n";
    a_colon_in_a_value: "version: 1\nproject: shop: two\n";
    an_empty_file: "";
    only_comments: "# nothing yet\n";
    a_list_at_the_top: "- version: 1\n";
    two_documents: format!("{MINIMAL}---\nversion: 2\n");
    a_merge_key: "version: 1\nbase: &b { a: 1 }\nservices:\n  shop:\n    <<: *b\n";
    an_unknown_anchor: "version: 1\nproject: *name\n";
    an_alias_bomb: bomb();
    deep_nesting: format!("version: 1\nproject: {}1{}\n", "[".repeat(200), "]".repeat(200));

    // Reports.
    a_report_without_zone: top("reports: { daily: { at: \"17:30\" } }");
    a_report_at_no_time: top("reports: { daily: { at: \"25:00\", zone: UTC } }");
    a_report_at_a_number: top("reports: { metrics: { at: 1730, zone: UTC } }");
    a_report_in_no_zone: top("reports: { metrics: { at: \"17:30\", zone: Europe/Berlni } }");
    a_report_on_no_day: top("reports: { metrics: { day: fri, at: \"17:30\", zone: UTC } }");

    // Shape.
    an_unknown_key: service("replcias: 2");
    an_unknown_key_at_the_top: top("servces: {}");
    a_key_that_belongs_elsewhere: service("in_a_row: 3");
    a_duplicate_key: service("replicas: 2\ndrain: 10s\nreplicas: 3");
    a_duplicate_service: format!("{MINIMAL}  shop:\n    command: [bin/other]\n");
    missing_keys: "project: shop\nservices:\n  shop: {}\n";
    another_version: but("version: 1", "version: 2");
    a_name_in_capitals: but("  shop:\n", "  Shop_API:\n");
    nothing_where_a_value_belongs: service("health:\nreplicas:");
    a_number_in_quotes: service("replicas: \"2\"");
    an_octal_number: service("replicas: 010");
    yes_for_true: top("solo: yes");
    a_duration_without_unit: service("watch: 15");
    a_duration_in_another_unit: service("drain: 1d");
    parts_of_a_second: service("watch: { for: 90500ms }");
    a_share_without_percent: service("slo: { errors: 0.01, p99: 500 }");
    a_size_without_unit: top("retention: { store: 5 }");
    a_command_as_text: but("[bin/shop, --port, \"{port}\"]", "bin/shop --port 80");
    a_port_without_quotes: but("\"{port}\"", "{port}");
    an_empty_command: but("[bin/shop, --port, \"{port}\"]", "[]");
    an_unknown_role: but("dan@example.org: dev", "dan@example.org: developer");
    a_person_without_address: but("dan@example.org: dev", "dan: dev");
    a_listen_address_without_host: top("edge: { listen: [\":8080\"] }");

    // Floors (S4).
    s4_below_the_floor_of_health: service("health: { in_a_row: 1 }");
    s4_below_the_floor_of_the_watch: service("watch: 29s");
    s4_above_the_ceiling_of_alpha: service("watch: { alpha: 6% }");

    // What goes together.
    an_unknown_stage: service("stages: [prodution]");
    a_service_without_its_default_stage: top("environments: { live: { ports: 20000-20999 } }");
    an_unknown_dependency: service("depends_on: [shopp]");
    a_dependency_on_itself: service("depends_on: [shop]");
    a_circle_of_dependencies: format!(
        "{}  cart:\n    command: [bin/cart]\n    depends_on: [ledger]\n  ledger:\n    command: [bin/ledger]\n    depends_on: [shop]\n",
        service("depends_on: [cart]")
    );
    two_services_with_one_route: format!(
        "{MINIMAL}  shop-two:\n    command: [bin/two]\n    route: {{ path: / }}\n"
    );
    ports_that_ops_listens_on: top("environments: { production: { ports: 8000-8999 } }");
    ports_of_two_environments: top(
        "environments:\n  production: { ports: 20000-20999 }\n  staging: { ports: 20900-21900 }"
    );
    too_few_ports: format!(
        "environments: {{ production: {{ ports: 20000-20002 }} }}\n{}",
        service("replicas: 2")
    );
    a_port_twice: top("edge: { listen: [0.0.0.0:8088] }");
    s7_alone_with_a_canary: service("runs_twice: false\nstrategy: canary");
    s7_recreate_though_it_runs_twice: service("runs_twice: true\nstrategy: recreate");
    s7_a_fixed_port_for_two: service("fixed_port: 7000\nreplicas: 2");
    s7_serving_in_the_gap: service("strategy: recreate\nmin_serving: 1");
    s22_a_canary_without_route: but("    route: { path: / }\n", "    strategy: canary\n");
    s22_requests_without_route: but(
        "    route: { path: / }\n", "    watch: { min_requests: 100 }\n    smoke: [{ get: / }]\n"
    );
    s22_requests_of_the_door_without_route: but(
        "    route: { path: / }\n", "    watch: { min_synthetic: 10 }\n    smoke: [{ get: / }]\n"
    );
    s22_heartbeats_of_what_has_a_route: service("watch: { min_heartbeats: 10 }");
    steps_that_fall: service("strategy: { canary: { steps: [10%, 5%, 60%] } }");
    two_strategies: service("strategy: { canary: {}, recreate: {} }");
    a_stretch_longer_than_the_watch: service("watch: { for: 5m, last_stretch: 5m }");
    p6_more_serving_than_there_are: service("replicas: 2\nmin_serving: 3");
    p6_nobody_serving: service("replicas: 2\nmin_serving: 0");
    a_deadline_that_cannot_be_met: service("health: { every: 10s, in_a_row: 10 }");
    smoke_requests_without_sense: service(
        "smoke:\n  - { status: 200 }\n  - { get: /, head: / }\n  - { head: /, contains: x }\n  - { post: / }"
    );
    a_shell_variable: but("\"{port}\"", "$PORT");
    a_command_in_one_word: but("[bin/shop, --port, \"{port}\"]", "[bin/shop --port 80]");

    // Stages (S12).
    s12_a_stage_without_environment: service("stages: [{ soak: 30m }]");
    s12_an_unknown_stage_in_a_mapping: staged("stages: [{ environment: stagin }, production]");
    s12_a_stage_twice: staged("stages: [{ environment: staging, route: { path: /try } }, staging]");
    s12_soaking_in_the_last_stage: staged(
        "stages: [{ environment: staging, route: { path: /try } }, { environment: production, soak: 30m }]"
    );
    s12_soaking_too_long: staged(
        "stages: [{ environment: staging, soak: 169h, route: { path: /try } }, production]"
    );
    s12_two_stages_with_one_route: staged("stages: [staging, production]");
    s12_a_stage_with_the_route_of_the_other: staged(
        "stages: [{ environment: staging, route: { path: / } }, production]"
    );
    s12_a_route_that_no_stage_has: staged(
        "stages: [{ environment: staging, route: { path: /try } }, { environment: production, route: { path: /live } }]"
    );
    s12_a_route_of_a_stage_only: staged(
        "stages: [{ environment: staging, route: { path: /try } }, production]"
    ).replace("    route: { path: / }\n", "");
    s12_a_stage_on_the_route_of_another_service: format!(
        "{}  cart:\n    command: [bin/cart]\n    route: {{ host: try.example.org }}\n",
        staged("stages: [{ environment: staging, route: { host: try.example.org } }, production]")
    );

    // What stands around a service.
    a_dependency_with_other_versions: service("depends_on: [{ service: shopp, version: latest }]");
    a_dependency_twice: format!(
        "{}  cart: {{ command: [bin/cart] }}\n",
        service("depends_on: [cart, { service: cart, version: \">=2\" }]")
    );
    a_dependency_without_name: service("depends_on: [{ version: \"2\" }]");
    s12_a_dependency_that_is_not_there: format!(
        "{}  cart: {{ command: [bin/cart] }}\n",
        staged(
            "stages: [{ environment: staging, route: { path: /try } }, production]\ndepends_on: [{ service: cart, version: \"2\" }]"
        )
    );
    infrastructure_without_sense: service(
        "infrastructure:\n  - { name: a }\n  - { name: b, file: /b, command: [b] }\n  - { name: b, file: b }\n  - { name: d, command: [bin/d] }\n  - { name: e, command: [e --short] }\n  - { name: \" f\", command: [\"\"] }"
    );
    a_budget_without_share: service("budget: { days: 28 }");
    a_budget_out_of_bounds: service("budget: { errors: 0%, days: 365, except: [Hotfix] }");
    a_budget_of_what_nobody_counts: but("    route: { path: / }\n", "    budget: { errors: 1% }\n");
    migrations_of_another_kind: service("migrations: at_start");
    limits_of_a_machine_without_sense: top(
        "environments:\n  production:\n    ports: 20000-20999\n    host: { load: 0, clock: 2m, certificates: [shop.pem], certificate_days: 0 }"
    );
    a_load_as_text: top(
        "environments: { production: { ports: 20000-20999, host: { load: \"4.0\", clock: 500 } } }"
    );

    // Windows.
    a_window_that_allows_and_denies: top(
        "windows:\n  - name: both\n    allow: { cron: \"0 9 * * *\", zone: UTC, for: 1h }\n    deny: { cron: \"0 9 * * *\", zone: UTC, for: 1h }\n  - name: none"
    );
    a_window_that_is_no_mapping: top("windows: [nights]");
    windows_of_one_name: top(&format!("{}\n{}", window(NINE), window(NINE).replace("windows:\n", "")));
    an_expression_of_four_fields: top(&window("cron: \"0 9 * *\", zone: UTC, for: 1h"));
    an_expression_with_a_day_that_is_none: top(&window("cron: \"0 9 * * foo\", zone: UTC, for: 1h"));
    a_zone_misspelt: top(&window("cron: \"0 9 * * *\", zone: Europe/Berlni, for: 1h"));
    a_zone_that_is_none: top(&window("from: 2026-12-18T17:00, until: 2026-12-19, zone: Mars/Base"));
    a_window_that_never_opens: top(&window("cron: \"0 0 30 feb *\", zone: UTC, for: 1h"));
    a_window_without_times: top(&window("zone: UTC"));
    a_window_of_both_kinds: top(&window("cron: \"0 9 * * *\", until: 2026-12-18T17:00Z"));
    a_window_without_zone_and_length: top(&window("cron: \"0 9 * * *\""));
    a_window_open_too_long: top(&window("cron: \"0 9 * * *\", zone: UTC, for: 745h"));
    a_window_without_end: top(&window("from: 2026-12-18T17:00, zone: UTC, for: 1h"));
    a_window_without_beginning: top(&window("until: 2026-12-18T17:00Z"));
    a_window_that_ends_before_it_begins: top(
        &window("from: 2026-12-18T17:00, until: 2026-01-04T08:00, zone: Europe/Berlin")
    );
    a_window_of_no_length: top(
        &window("from: \"2026-12-18T17:00:00+01:00\", until: 2026-12-18T16:00Z")
    );
    a_time_without_zone: top(&window("from: 2026-12-18T17:00, until: 2027-01-04"));
    a_time_with_offset_and_zone: top(
        &window("from: 2026-12-18T17:00Z, until: 2027-01-04, zone: UTC")
    );
    a_time_that_does_not_exist: top(
        &window("from: 2026-03-29T02:30, until: 2026-10-25T02:30, zone: Europe/Berlin")
    );
    a_date_of_another_calendar: top(&window("from: 18.12.2026, until: 2026-12-32, zone: UTC"));
    a_window_for_what_is_not_there: top(&format!(
        "{}\n    environments: [prodution]\n    services: [shop, kart]\n    except: [Hot fix]",
        window(NINE)
    ));
    a_window_that_applies_to_nothing: top(&format!(
        "{TWO_ENVIRONMENTS}{}\n    environments: [staging]", window(NINE)
    ));

    // Alerts, people to tell, gateways.
    alerts_of_another_kind: top(
        "alerts:\n  - { name: am, url: 127.0.0.1:9093, kind: alert-manager, label: app.name }\n  - { name: am, url: \"http://h/?x=1\", kind: prometheus }"
    );
    nobody_is_told: top("notify: [{ name: on call }]");
    told_in_two_ways: top(
        "notify: [{ name: on call, webhook: \"https://example.org\", command: [page] }]"
    );
    told_by_a_program_with_a_token: top(
        "notify: [{ name: on call, command: [page], token: env:TOKEN }]"
    );
    told_by_a_program_that_is_not_found: top("notify: [{ name: on call, command: [bin/page] }]");
    told_too_often: top("notify: [{ name: on call, command: [page], after: 25h, every: 10s }]");
    two_people_of_one_name: top(
        "notify:\n  - { name: on call, command: [page] }\n  - { name: on call, command: [page, two] }"
    );
    a_gateway_of_nobody: top(
        "boards: { embedded: { gateways: { quin@example.org: { url: \"http://quinn\" }, eve@example.org: {} } } }"
    );
    a_column_that_is_none: top(
        "boards: { embedded: { gateways: { quinn@example.org: { url: \"http://quinn\", watch: [in_qa] } } } }"
    );
    p13_a_login_in_an_address: top(
        "alerts: [{ name: am, url: \"http://ops:hunter2@127.0.0.1:9093\", kind: alertmanager }]\nboards: { embedded: { gateways: { quinn@example.org: { url: \"http://hunter2@quinn\" } } } }"
    );
    p13_a_secret_in_a_webhook: top(
        "notify:\n  - { name: a, webhook: \"https://example.org/hook?token=hunter2\" }\n  - { name: b, webhook: \"https://example.org/\", token: hunter2 }\n  - { name: c, command: [page, \"https://ops:hunter2@example.org\"] }"
    );

    // People (P1).
    p1_one_person_in_two_roles: but("quinn@example.org: qa", "cleo@example.com: qa\n  dan2@example.org: [dev, qa]");
    p1_nobody_tests: but("  quinn@example.org: qa\n", "");
    p1_ops_approves: top("boards: { embedded: { me: quinn@example.org } }");
    an_unknown_operator: top("operators: [pias@example.org, root@example.org]");
    nobody_steers: but("  pia@example.org: po\n", "");

    // Secrets (P13).
    p13_a_secret_in_the_file: service("secrets: { DB_URL: \"postgres://app:hunter2@db/shop\", PIN: 4711 }");
    p13_a_secret_among_variables: service("env:\n  API_TOKEN: s3cr3t-value\n  DB: postgres://app:hunter2@db/shop");
    p13_a_secret_in_the_command: but("\"{port}\"", "\"{port}\", --db, \"postgres://app:hunter2@db/shop\"");
    p13_secrets_as_a_list: service("secrets: [DB_URL=hunter2-hunter2]");
    p13_a_secret_near_broken_yaml: service("secrets:\n  DB_URL: hunter2: x\nreplicas: [");

    an_adoption_without_digest: service("adopt: { version: v7, listens: \"127.0.0.1:8080\" }");
    an_adoption_of_no_digest: service("adopt: { artifact: latest, version: v7, listens: 8080 }");
    a_secret_without_reference: service("secrets: { DB_URL: { rotate: true } }");
    a_secret_with_a_misspelt_key: service("secrets:\n  DB_URL: { from: env:DB_URL, prevous: env:OLD }");
    a_secret_whose_rotation_is_no_flag: service("secrets: { DB_URL: { from: env:DB_URL, rotate: yearly } }");
    a_secret_before_and_after_in_one_place: service("secrets: { DB_URL: { from: env:DB_URL, previous: env:DB_URL, rotate: true } }");
    p13_a_value_as_the_secret_before: service("secrets: { DB_URL: { from: env:DB_URL, previous: hunter2 } }");

    many_at_once: MANY;
}

const MANY: &str = "\
version: 1
project: My Shop
people:
  dan@example.org: dev
  cleo@example.org: cq
  quinn@example.org: qa
operators: [pia@example.org]
services:
  shop:
    comand: [bin/shop]
    replicas: zero
    watch: 10
    health: { evry: 1s, in_a_row: 1 }
    depends_on: [cart, kart]
  cart:
    command: [bin/cart]
    stages: [staging]
";

/// Nine levels of nine: 387 million values if anybody unfolded them.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let uses = vec![format!("*a{}", level - 1); 9].join(", ");
        text = format!("{text}a{level}: &a{level} [{uses}]\n");
    }
    text
}

#[test]
fn p13_no_look_shows_a_secret() {
    let secrets = ["hunter2", "s3cr3t-value", "4711"];
    let files = [
        service("secrets: { DB_URL: \"postgres://app:hunter2@db/shop\", PIN: 4711 }"),
        service("secrets: hunter2"),
        service("secrets: { A: [hunter2], B: { c: hunter2 } }"),
        service("secrets: { A: { from: hunter2, previous: hunter2, rotate: hunter2 } }"),
        service("secrets:\n  A: |\n    hunter2\n    hunter2\n  B: env:B"),
        service("env: { API_TOKEN: s3cr3t-value, X: [1] }"),
        service("command: [bin/x, \"http://a:hunter2@b\"]"),
        service("secrets: { A: hunter2, A: hunter2 }"),
        service("secrets: { A: hunter2 }\nreplicas: ["),
        service("secrets: { A: !!int hunter2 }"),
        service("secrets: { A: !!bool hunter2, B: !x hunter2 }"),
        service("secret: { A: hunter2 }"),
        service("infrastructure: [{ name: a, command: [a, \"http://a:hunter2@b\"] }]"),
        top("alerts: [{ name: a, url: \"http://ops:hunter2@b\", kind: prometheus }]"),
        top("alerts: [{ name: a, ur: \"http://hunter2@b c\", kind: prometheus }]"),
        top("alerts: [{ name: a, url: \"ftp://hunter2@b\", kind: prometheus, token: \"4711\" }]"),
        top("alerts: [{ name: a, url: \"http://b/?api_key=hunter2\", kind: prometheus }]"),
        top("notify: [{ name: a, webhook: \"https://b/?sig=hunter2\" }]"),
        service("signals: { a: { prometheus: \"http://a:hunter2@b\", level: x } }"),
        service("signals: { a: { prometheus: \"http://hunter2@b\", level: x } }"),
        service("signals: { a: { prometheus: \"http://b/?token=hunter2\", level: x } }"),
        service("signals: { a: { prometheus: \"http://b/#access_token=hunter2\", level: x } }"),
        service("signals: { a: { promtheus: \"http://a:hunter2@b\", level: { token: hunter2 } } }"),
        service("signals: { a: { level: \"x{a='http://a:hunter2@b'} + $nope\" } }"),
        top("notify: [{ name: a, webhook: \"https://b/\", token: hunter2 }]"),
        top("notify: [{ name: a, token: hunter2, webhook: \"https://b/ }]"),
        top("boards: { embedded: { gateways: { q@b.c: { url: \"http://b\", token: hunter2 } } } }"),
        top("Secrets: { A: hunter2 }"),
        top("x: &x hunter2") + "    secrets: { A: *x }\n",
        service("secrets:\n  - hunter2\nreplicas: ["),
        service("replicas: &hunter [\nsecrets:\n  A: \"hunter2"),
    ];
    for file in files {
        let complaints = bad(&file);
        let looks = [Look::Plain, Look::Colour, Look::Narrated].map(|look| complaints.render(look));
        for shown in looks.into_iter().chain([complaints.to_json().to_string()]) {
            for secret in secrets {
                assert!(!shown.contains(secret), "{secret} is shown:\n{shown}");
            }
        }
    }
}

/// Every list and mapping has a bound of its own, and what is longer is refused.
#[test]
fn lists_are_bounded() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(", ")
    };
    let plain = |at: usize| format!("x{at}");
    let alert = |at: usize| format!("{{ name: x{at}, url: \"http://x\", kind: prometheus }}");
    let gateway = |at: usize| format!("x{at}@example.org: {{ url: \"http://x\" }}");
    let certificates = list(51, &|at| format!("/x{at}"));
    let files = [
        ("windows", 101, top(&format!("windows: [{}]", list(101, &plain)))),
        ("alerts", 21, top(&format!("alerts: [{}]", list(21, &alert)))),
        ("notify", 21, top(&format!("notify: [{}]", list(21, &plain)))),
        (
            "boards.embedded.gateways",
            501,
            top(&format!("boards: {{ embedded: {{ gateways: {{ {} }} }} }}", list(501, &gateway))),
        ),
        (
            "environments.production.host.certificates",
            51,
            top(&format!(
                "environments: {{ production: {{ ports: 20000-20999, host: {{ certificates: [{certificates}] }} }} }}"
            )),
        ),
        (
            "services.shop.infrastructure",
            51,
            service(&format!("infrastructure: [{}]", list(51, &plain))),
        ),
        ("services.shop.depends_on", 101, service(&format!("depends_on: [{}]", list(101, &plain)))),
        ("services.shop.stages", 11, service(&format!("stages: [{}]", list(11, &plain)))),
        (
            "services.shop.signals",
            21,
            service(&format!("signals: {{ {} }}", list(21, &|at| format!("x{at}: {{}}")))),
        ),
        (
            "services.shop.watch.trip_on_alerts",
            101,
            service(&format!("watch: {{ trip_on_alerts: [{}] }}", list(101, &plain))),
        ),
        (
            "services.shop.budget.except",
            21,
            service(&format!("budget: {{ errors: 1%, except: [{}] }}", list(21, &plain))),
        ),
    ];
    for (path, count, file) in files {
        let complaints = bad(&file);
        let long = format!("{count} ");
        let found =
            |one: &ops_config::Complaint| one.path == path && one.message.starts_with(&long);
        assert!(complaints.list().iter().any(found), "{path}: {complaints}");
    }
}

#[test]
fn complaints_have_a_form_for_programs() {
    insta::assert_json_snapshot!(bad(&service("replicas: 0")).to_json());
}

#[test]
fn complaints_can_be_read_aloud() {
    insta::assert_snapshot!(bad(&service("replicas: 0")).render(Look::Narrated));
}

#[test]
fn colour_is_only_there_when_wanted() {
    let complaints = bad(&service("replicas: 0"));
    assert!(complaints.render(Look::Colour).contains('\u{1b}'));
    assert!(!complaints.render(Look::Plain).contains('\u{1b}'));
}

#[test]
fn places_count_characters_and_ignore_a_byte_order_mark() {
    let text = format!("\u{feff}{}", service("env: { Ä: 'é', X: [] }")).replace('\n', "\r\n");
    let complaints = bad(&text);
    let list = complaints.list();
    let places: Vec<_> = list.iter().map(|c| (c.path.as_str(), c.line, c.column)).collect();
    assert_eq!(
        places,
        [("services.shop.env.Ä", 12, 12), ("services.shop.env.X", 12, 23)],
        "{complaints}"
    );
}

#[test]
fn a_file_of_a_megabyte_is_read_and_a_larger_one_refused() {
    let comment = "# filler\n".repeat((1_000_000 - FULL.len()) / 9);
    assert!(read(&format!("{FULL}{comment}")).is_ok());
    let long = "#".repeat(1_000_001);
    insta::assert_snapshot!(bad(&long).to_string());
    let line = format!("version: 1\nproject: {}\n", "x".repeat(900_000));
    assert!(bad(&line).to_string().len() < 5_000);
}

#[test]
fn not_more_complaints_than_anybody_reads() {
    let keys = (0..500).fold(String::new(), |text, at| format!("{text}k{at}: 1\n"));
    let complaints = bad(&keys);
    assert_eq!(complaints.list().len(), 100);
    assert!(complaints.count() > 500);
}
