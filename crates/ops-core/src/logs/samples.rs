//! Lines as the loggers of many languages and servers write them.

use std::fmt::Write as _;

use super::*;

const LINES: &str = r#"
2024-01-02 03:04:05,678 - shop.cart - ERROR - Cannot add item 42: KeyError('sku')
ERROR:django.request:Internal Server Error: /cart/42/
[2024-01-02 03:04:05 +0000] [7] [INFO] Booting worker with pid: 12
[2024-01-02 03:04:05,678: ERROR/ForkPoolWorker-3] Task shop.tasks.charge[0f3c] raised unexpected: ValueError('bad')
INFO:     127.0.0.1:51234 - "GET /cart HTTP/1.1" 200 OK

2024-01-02 03:04:05.678 ERROR 1 --- [nio-8080-exec-3] c.a.shop.cart.CartController              : Cannot add item 42 for customer Jane Doe
03:04:05.678 [http-nio-8080-exec-7] WARN  c.zaxxer.hikari.pool.PoolBase - HikariPool-1 - Failed to validate connection org.postgresql.jdbc.PgConnection@5f2a (closed.)
[WARN ] 2024-01-02 03:04:05.678 [main] Cart - slow store
{"instant":{"epochSecond":1},"thread":"main","level":"ERROR","loggerName":"com.acme.Cart","message":"Cart of Jane Doe is broken","thrown":{"name":"x"}}
Customer(id=42, name=Jane Doe, email=jane@doe.example) created

2024-01-02T03:04:05.678901Z ERROR shop::cart: no stock item_id=42 customer="Jane Doe"
2024-01-02T03:04:05.678901Z  INFO request{method=GET uri=/cart/42}: tower_http::trace: finished processing request latency=3 ms status=200
[2024-01-02T03:04:05Z ERROR shop::cart] no stock for item 42
{"timestamp":"2024-01-02T03:04:05Z","level":"ERROR","fields":{"message":"no stock for 42"},"target":"shop::cart"}
thread 'main' panicked at src/main.rs:2:5:

E0102 03:04:05.678901    7 controller.go:114] loading OpenAPI spec for "v1beta1.metrics.k8s.io" failed
2024-01-02T03:04:05.678Z	ERROR	cart/add.go:42	no stock	{"item": 42, "customer": "Jane"}
{"level":"error","ts":1704164645.67,"caller":"cart/add.go:42","msg":"no stock","item":42,"error":"sql: no rows in result set"}
time="2024-01-02T03:04:05Z" level=error msg="no stock" item=42 error="dial tcp 10.0.0.1:5432: connect: connection refused"
ts=2024-01-02T03:04:05Z caller=cart.go:42 level=warn msg="slow store" took=3s
WARN[0012] slow store                                    store=redis
2024/01/02 03:04:05 http: panic serving 10.0.0.1:51234: runtime error: invalid memory address or nil pointer dereference

{"level":50,"time":1704164645678,"pid":7,"hostname":"web-1","reqId":"r-1","err":{"type":"Error","message":"connect ECONNREFUSED 10.0.0.1:5432","stack":"Error: connect\n    at x"},"msg":"request errored"}
2024-01-02T03:04:05.678Z warn: slow store
GET /cart 200 12.345 ms - 17
(node:7) [DEP0005] DeprecationWarning: Buffer() is deprecated

E, [2024-01-02T03:04:05.678901 #7] ERROR -- : [req-1] ActionController::RoutingError (No route matches [GET] "/favicon.ico"):
Started POST "/login" for 127.0.0.1 at 2024-01-02 03:04:05 +0000
  Parameters: {"password"=>"[FILTERED]", "user"=>"jane"}

[02-Jan-2024 03:04:05 UTC] PHP Fatal error:  Uncaught TypeError: add(): Argument #1 must be of type int in /var/www/cart.php:42
[2024-01-02T03:04:05.678901+00:00] app.CRITICAL: Uncaught PHP Exception RuntimeException: "no stock" at /srv/app/src/Cart.php line 42 {"exception":"[object]"} []

fail: Microsoft.AspNetCore.Server.Kestrel[13]
[03:04:05 ERR] HTTP GET /cart/42 responded 500 in 12.3456 ms
{"@t":"2024-01-02T03:04:05Z","@mt":"Order {Id} of {Customer} lost","@l":"Error","Id":42,"Customer":"Jane"}
03:04:05.678 [error] GenServer Shop.Cart terminating

2024/01/02 03:04:05 [error] 31#31: *4 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.7, request: "GET /cart/42 HTTP/1.1", host: "shop.example"
[Sun Dec 04 04:51:18.123456 2005] [core:error] [pid 7:tid 140] [client 10.0.0.7:51234] AH00037: Symbolic link not allowed: /var/www/html/
192.168.100.200 - jane [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326
2024-01-02 03:04:05.678 UTC [4711] ERROR:  duplicate key value violates unique constraint "users_email_key"
2024-01-02 03:04:05.678 UTC [4711] DETAIL:  Key (email)=(jane@doe.example) already exists.
2024-01-02T03:04:05.678901Z 0 [ERROR] [MY-010123] [Server] Out of disk space
{"t":{"$date":"2024-01-02T03:04:05Z"},"s":"W","c":"NETWORK","id":7,"ctx":"conn1","msg":"Slow query"}

<3>disk gone on /dev/sda1
<34>Oct 11 22:14:15 web su[230]: 'su root' failed for user jane on /dev/pts/8
<165>1 2024-01-02T03:04:05.003Z web shop 7 ID47 - order 42 lost
Dec 10 06:55:46 web sshd[24200]: Failed password for invalid user jane from 10.0.0.7 port 38926 ssh2
[   12.345678] Out of memory: Killed process 4711 (shop) total-vm:123456kB

{"severity":"ERROR","message":"Cannot charge jane@doe.example","httpRequest":{"status":500}}
{"method":"GET","path":"/cart/42","status":200,"took":12}
{"@timestamp":"2024-01-02T03:04:05Z","log.level":"ERROR","message":"Cannot charge card 4111 1111 1111 1111"}
"#;

#[test]
fn lines_of_many_loggers_become_these_templates() {
    let mut told = String::new();
    for line in LINES.lines().filter(|line| !line.is_empty()) {
        let Line { level, template } = read(line.as_bytes()).unwrap();
        let level = level.map_or_else(|| "-".to_owned(), |level| format!("{level:?}"));
        writeln!(told, "{line}\n  {level:<5} {template}\n").unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn p13_nothing_of_people_and_secrets_is_left_in_any_format() {
    const PRIVATE: [&str; 12] = [
        "jane.doe@mail.example",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl",
        "hunter2",
        "Tr0ub4dor&3",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "DE89 3704 0044 0532 0130 00",
        "+49 170 1234567",
        "dXNlcjpwYXNzd29yZA==",
        "AKIAIOSFODNN7EXAMPLE",
        "078-05-1120",
        "2001:db8::dead:beef",
    ];
    for private in PRIVATE {
        for line in [
            format!("ERROR login of {private} refused"),
            format!("ERROR login refused ({private})"),
            format!("ERROR password={private}"),
            format!("ERROR password: {private}"),
            format!("WARN Authorization: Bearer {private}"),
            format!("user {private} not found"),
            format!("user '{private}' not found"),
            format!("GET /login?user={private}&x=1"),
            format!("https://shop.example/{private}/cart"),
            format!("redis://:{private}@cache:6379/0"),
            format!("[{private}] {{{private}}} <{private}>, \"{private}\""),
            format!(r#"{{"level":"error","msg":"login of {private} refused"}}"#),
            format!(r#"{{"level":"error","user":"{private}"}}"#),
            format!(r#"{{"level":"error","msg":"x","err":{{"message":"{private}"}}}}"#),
            format!("level=error msg=\"login of {private} refused\" user=\"{private}\""),
            format!("level=error user={private}"),
        ] {
            let template = read(line.as_bytes()).unwrap().template;
            for part in private.split([' ', '&', '@']).filter(|part| part.len() > 1) {
                assert!(!template.contains(part), "{line}: {template}");
            }
        }
    }
}

#[test]
fn p13_names_in_quotes_and_sentences_are_left_out() {
    for line in [
        "ERROR account 'jane doe' is locked",
        "ERROR account \"jane doe\" is locked",
        "ERROR account `jane doe` is locked",
        "ERROR account “jane doe” is locked",
        "ERROR cannot greet Jane Doe",
        "ERROR Jane Doe has no cart",
        "ERROR no cart for Mrs. Doe",
        "ERROR no cart for customer jane",
        "ERROR no cart: name=jane",
        "ERROR no cart: user:jane",
        "ERROR cannot read /home/jane/cart",
        r#"{"level":"error","msg":"no cart","user":"jane doe"}"#,
        r#"{"level":"error","jane@doe.example":"no cart"}"#,
    ] {
        let template = read(line.as_bytes()).unwrap().template.to_lowercase();
        assert!(!template.contains("jane") && !template.contains("doe"), "{line}: {template}");
    }
}
