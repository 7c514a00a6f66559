//! Access to every route.

use api::Policy;
use db::testing::databases;
use identity::Role;
use model::title::Visibility;
use model::{JobId, UploadId};
use serde_json::json;

use crate::Client;
use crate::house::{House, MIGRATIONS};

/// The whole table, route by route: what a guest, a viewer, a creator, an operator and the command line of the host get for
/// a title of the members that belongs to nobody. A route that is added appears here, and so does its policy.
#[tokio::test]
async fn every_route_of_the_api_keeps_its_policy() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        house.show_to(title, Visibility::Members).await;
        let someone = house.account("someone@example.org", Role::Viewer).await;
        let mut clients = vec![Client::guest(&house)];
        for role in Role::ALL {
            clients.push(Client::role(&house, role).await);
        }
        clients.push(Client::host(&house));
        let mut lines = Vec::new();
        for route in api::routes() {
            if let Policy::Anyone(why) = route.policy {
                assert!(!why.is_empty(), "{} says why anyone may come in", route.path);
            }
            let path = route
                .path
                .replace("{title}", &title.to_string())
                .replace("{upload}", &UploadId::new().to_string())
                .replace("{job}", &JobId::new().to_string())
                .replace("{person}", &someone.to_string())
                .replace("{id}", &"0".repeat(32));
            let body = json!({});
            let mut got = Vec::new();
            for client in &clients {
                let body = (route.method != http::Method::GET).then_some(&body);
                let (status, _) = client.ask(route.method.clone(), &path, body).await;
                got.push(status.as_str().to_owned());
            }
            let asked = format!("{:<6} {}", route.method.as_str(), route.path);
            lines.push(format!("{asked:<52} {}", got.join(" ")));
        }
        insta::assert_snapshot!("policy", lines.join("\n"));
    }
}
