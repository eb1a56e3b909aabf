//! Names that are odd, the same, or nearly so.

use serde_json::json;
use system_tests::{Cluster, bounded};

use super::{assert_refused, connect, log_in, login, send};

#[test]
fn names_that_nobody_can_have_are_refused() {
    let controls = ["a\u{0}b", "a\nb", "a\tb", "\u{1b}[31mana", "a\u{7f}", "a\u{85}b", "a\u{9f}b"];
    let spaces = [" ana", "ana ", "\u{a0}ana", "ana\u{3000}", "ana\u{2028}", " "];
    bounded(async move {
        let cluster = Cluster::start(1, 1).await;
        let client = connect(&cluster).await;
        let ana = log_in(&cluster, "ana").await;
        let cases = controls.map(|name| (name, "control character"));
        let cases = cases.into_iter().chain(spaces.map(|name| (name, ""))).chain([("", "empty")]);
        for (name, word) in cases {
            let what = format!("{name:?}");
            assert_refused(&client, &what, login(name, None), "bad_request", word).await;
            assert_refused(&ana, &what, send(name, "hi", "1"), "bad_request", word).await;
            let history = json!({"type": "history", "with": name});
            assert_refused(&ana, &what, history, "bad_request", word).await;
        }
        for name in [json!(null), json!(7), json!(["ana"]), json!({"name": "ana"}), json!(true)] {
            let request = json!({"type": "login", "username": name});
            assert_refused(&client, &name.to_string(), request, "bad_request", "username").await;
        }
        client.say(r#"{"type":"login","username":"a\ud83d"}"#).await;
        let answered = client.until("an error", |heard| heard.others.first().cloned()).await;
        assert_eq!(answered["error"]["code"], "bad_request", "half a character: {answered}");
        client.assert_well();
    });
}

#[test]
fn spellings_of_a_name_are_one_user_and_names_that_only_look_alike_are_several() {
    let same = [
        ("José", "JOSE\u{301}"),
        ("STRASSE", "straße"),
        ("ΌΣΟΣ", "όσος"),
        ("Ǆ", "ǆ"),
        ("\u{212b}ngström", "ångström"),
        ("\u{fb01}n", "FIN"),
        ("\u{ac00}", "\u{1100}\u{1161}"),
    ];
    let different = [
        ("ana", "аna"),
        ("ana", "ａna"),
        ("ana", "ana\u{200b}"),
        ("ana", "\u{202e}ana"),
        ("jose", "josé"),
        ("ipek", "ıpek"),
        ("a b", "a\u{a0}b"),
        ("a b", "a  b"),
    ];
    bounded(async move {
        let cluster = Cluster::start(1, 2).await;
        let zoe = log_in(&cluster, "zoe").await;
        let pairs = same.map(|pair| (pair, true)).into_iter().chain(different.map(|pair| (pair, false)));
        for (number, ((one, other), is_one)) in pairs.enumerate() {
            let id = number.to_string();
            let clients = [connect(&cluster).await, connect(&cluster).await];
            let mut users = Vec::new();
            for (client, name) in clients.iter().zip([one, other]) {
                let answer = client.request(login(name, None)).await.unwrap();
                users.push(answer["user"].as_str().unwrap().to_owned());
            }
            assert_eq!(users[0] == users[1], is_one, "{one:?} and {other:?} are {users:?}");
            let sent = zoe.request(send(other, "hi", &id)).await.unwrap();
            assert_eq!(sent["with"], users[1], "{other:?}");
            for (client, user) in clients.iter().zip(&users) {
                let history = client.request(json!({"type": "history", "with": "ZOE"})).await.unwrap();
                let has_it = history["messages"].as_array().unwrap().iter().any(|it| it["message_id"] == id);
                assert_eq!(has_it, *user == users[1], "{user:?}: {history}");
            }
        }
    });
}
