//! Every kind of address, on a Redis that asks for it.

use std::path::Path;
use std::process::Command;

use broker::{Address, Store, Tasks};

use crate::log_lines;
use crate::redis_server::RedisServer;
use crate::within::within;

async fn who_am_i(url: &str, tasks: &Tasks) -> String {
    let store = Store::start(Address::parse(url).unwrap(), tasks);
    within(store.connected()).await;
    store.query(redis::cmd("ACL").arg("WHOAMI")).await.unwrap()
}

#[tokio::test]
async fn a_unix_socket_works() {
    let (server, tasks) = (RedisServer::with("unixsocket {dir}/redis.sock"), Tasks::new());
    let socket = server.dir().join("redis.sock");
    assert_eq!(who_am_i(&format!("redis+unix://{}", socket.display()), &tasks).await, "default");
    let address = Address::parse(&format!("unix://{}?db=3", socket.display())).unwrap();
    let store = Store::start(address, &tasks);
    within(store.connected()).await;
    let info: String = store.query(redis::cmd("CLIENT").arg("INFO")).await.unwrap();
    assert!(info.contains(" db=3 ") && info.contains(" resp=3"), "{info}");
}

#[tokio::test]
async fn user_and_password_work_and_a_wrong_one_is_named_in_the_log_without_being_shown() {
    log_lines::keep();
    let acl = "user default off\nuser ana on >s#cret/:@ ~* &* +@all\nunixsocket {dir}/redis.sock";
    let (server, tasks) = (RedisServer::with(acl), Tasks::new());
    let authority = server.url().replace("redis://", "");
    assert_eq!(who_am_i(&format!("redis://ana:s%23cret%2F%3A%40@{authority}/2"), &tasks).await, "ana");
    let socket = server.dir().join("redis.sock");
    let url = format!("redis+unix://{}?user=ana&pass=s%23cret%2F%3A%40", socket.display());
    assert_eq!(who_am_i(&url, &tasks).await, "ana");

    let wrong = Address::parse(&format!("redis://ana:wr0ng@{authority}")).unwrap();
    let _store = Store::start(wrong, &tasks);
    let line = within(log_lines::first_with(&format!("redis://ana@{authority}/0"), "WARN")).await;
    assert!(line.contains("WRONGPASS") && !line.contains("wr0ng"), "{line}");
}

#[tokio::test]
async fn tls_works_with_a_private_ca_and_trusts_no_other() {
    log_lines::keep();
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let tls = "tls-port {free_port}\ntls-cert-file server.pem\ntls-key-file server.key\n\
               tls-ca-cert-file ca.pem\ntls-auth-clients no";
    let (server, tasks) = (RedisServer::in_dir(dir, tls), Tasks::new());
    let config = std::fs::read_to_string(server.dir().join("redis.conf")).unwrap();
    let port = config.lines().find_map(|line| line.strip_prefix("tls-port ")).unwrap();
    let ca = server.dir().join("ca.pem");
    let url = format!("rediss://127.0.0.1:{port}");
    assert_eq!(who_am_i(&format!("{url}?ca_file={}", ca.display()), &tasks).await, "default");

    let other = server.dir().join("other.pem");
    let _store =
        Store::start(Address::parse(&format!("{url}/1?ca_file={}", other.display())).unwrap(), &tasks);
    let line = within(log_lines::first_with(&format!("{url}/1"), "WARN")).await;
    assert!(line.contains("UnknownIssuer") || line.contains("BadSignature"), "{line}");
}

/// A CA, another one of the same name, and a server's certificate that the first has signed.
fn certificates(dir: &Path) {
    let openssl = |line: &str| {
        let run = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(dir)
            .output()
            .expect("openssl is installed");
        assert!(run.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&run.stderr));
    };
    std::fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    for ca in ["ca", "other"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout {ca}.key -out {ca}.pem"
        ));
    }
    openssl("req -newkey rsa:2048 -nodes -subj /CN=redis -keyout server.key -out server.csr");
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem",
    );
}
