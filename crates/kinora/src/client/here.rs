//! The data folder of a server that is not running, opened by the command itself: the handlers of the control socket
//! answer in this process, so that whatever keeps a server from starting can be repaired.

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::ServiceExt as _;

use crate::cli;
use crate::config::Config;
use crate::folder::Folder;
use crate::house::{House, Place};
use crate::server;

/// An open data folder; nobody else opens it until this is dropped.
pub(crate) struct Here {
    router: Router,
    house: House,
    _folder: Folder,
}

impl Here {
    /// Opens the data folder that the flags and settings name. A full disk is an error: nobody waits for a command.
    ///
    /// # Errors
    /// If a server has the folder, or if it would not start on it.
    pub(crate) async fn open(server: &cli::Server) -> anyhow::Result<Self> {
        let config = Config::for_command(server)?;
        let folder = Folder::open(&config.data)?;
        let place = match &config.public_url {
            Some(_) => Place::public(&config)?,
            None => Place::recall(&folder, &config),
        };
        let house = House::try_open(&config, &folder, place).await?;
        Ok(Self { router: server::router(house.clone()), house, _folder: folder })
    }

    /// Answers a request as the control socket would.
    pub(crate) async fn answer(&self, request: Request<Body>) -> anyhow::Result<Response> {
        self.router.clone().oneshot(request).await.context("the command failed")
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        // Changes are written back first, and the lock is released after that.
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(self.house.close()));
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Server;
    use crate::folder::Folder;
    use crate::house::testing;
    use api::people::{NewRole, Person};
    use api::sign_in_links::{Link, NewLink};
    use identity::Role;

    #[tokio::test(flavor = "multi_thread")]
    async fn commands_work_without_a_server_and_never_beside_one_that_starts() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server { data: Some(dir.path().join("data")), config: None };
        let refused = server.connect().await.err().unwrap().to_string();
        assert!(refused.contains("no server is running") && !dir.path().join("data").exists(), "{refused}");

        let folder = Folder::open(&dir.path().join("data")).unwrap();
        testing::open(&folder).await.close().await;
        let refused = server.connect().await.err().unwrap().to_string();
        assert!(refused.contains("already running on"), "{refused}");
        drop(folder);

        let new = NewLink { address: "ann@example.org".into(), role: Role::Operator };
        let link: Link = server.connect().await.unwrap().post("/api/sign-in-links", &new).await.unwrap();
        assert!(link.url.starts_with("http://localhost:8080/"), "{}", link.url);
        let change = NewRole { role: Role::Viewer };
        let refused: Result<(), _> =
            server.connect().await.unwrap().post("/api/people/ann@example.org/role", &change).await;
        assert!(refused.unwrap_err().to_string().contains("last operator"));
        let mut all: Vec<Person> = Vec::new();
        let mut client = server.connect().await.unwrap();
        let page = |page: Vec<Person>| {
            all.extend(page);
            Ok(())
        };
        client.pages("/api/people", "after", page).await.unwrap();
        drop(client);
        assert_eq!(all.iter().map(|a| a.address.as_str()).collect::<Vec<_>>(), ["ann@example.org"]);
        assert!(server.connect_running().await.is_err());
        let _other: Folder = Folder::open(&dir.path().join("data")).unwrap();
    }
}
