//! Which viewers may watch which titles.

use identity::{Role, Who};
use model::title::{State, Visibility};
use playback::{Error, Format, Wish};

use crate::support::{NOW, ORIGIN, houses, person, wish};

#[tokio::test]
async fn visibility_decides_who_watches() {
    for house in houses().await {
        let owner = person(Role::Viewer);
        let people = [
            ("guest", Who::Guest),
            ("viewer", person(Role::Viewer)),
            ("owner", owner.clone()),
            ("operator", person(Role::Operator)),
            ("host", Who::Host),
        ];
        let mut table = String::new();
        for visibility in [Visibility::Private, Visibility::Members, Visibility::Public] {
            let (title, _) = house.title(visibility, owner.account()).await;
            for (name, who) in &people {
                let cookies = house.playback.start(&wish(who, title), ORIGIN).await;
                let link = house.playback.link(&wish(who, title), 60).await;
                assert_eq!(cookies.is_ok(), link.is_ok());
                match cookies {
                    Ok(_) => table += &format!("{}: {name} watches\n", visibility.as_str()),
                    Err(Error::NoTitle) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        insta::allow_duplicates! {
            insta::assert_snapshot!(table, @r"
            private: owner watches
            private: operator watches
            private: host watches
            members: viewer watches
            members: owner watches
            members: operator watches
            members: host watches
            public: guest watches
            public: viewer watches
            public: owner watches
            public: operator watches
            public: host watches
            ");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_played_is_not_found_by_others_and_explained_to_its_owner() {
    for house in houses().await {
        let owner = person(Role::Creator);
        let title = house.received(Visibility::Public, owner.account()).await;
        let start = |who: Who| {
            let playback = house.playback.clone();
            async move { playback.start(&wish(&who, title), ORIGIN).await.unwrap_err() }
        };
        assert!(matches!(start(person(Role::Viewer)).await, Error::NoTitle));
        assert!(matches!(start(Who::Guest).await, Error::NoTitle));
        assert!(matches!(start(owner).await, Error::NotReady { state: State::Received }));
        let message = start(Who::Host).await.to_string();
        assert_eq!(message, "this title cannot be played now: it is received");
    }
}

#[tokio::test]
async fn unknown_titles_configurations_and_origins_are_refused() {
    for house in houses().await {
        let unknown = house.playback.start(&wish(&Who::Host, model::TitleId::new()), ORIGIN).await;
        assert!(matches!(unknown, Err(Error::NoTitle)));
        let (title, _) = house.title(Visibility::Members, None).await;
        let other = Wish { who: &Who::Host, title, configuration: "nice", format: Format::Hls, now: NOW };
        assert!(matches!(house.playback.start(&other, ORIGIN).await, Err(Error::NoConfiguration { .. })));
        for bad in
            ["", "localhost", "http://", "http://*", "http://a/b", "http://a\"b", "ftp://a", "http://a?"]
        {
            let refused = house.playback.start(&wish(&Who::Host, title), bad).await;
            assert!(matches!(refused, Err(Error::Origin { .. })), "{bad}");
        }
    }
}

#[tokio::test]
async fn both_ready_made_configurations_have_manifests() {
    for house in houses().await {
        let (title, asset) = house.title(Visibility::Members, None).await;
        let mut manifests = Vec::new();
        for configuration in ["reference", "standard"] {
            let wish = Wish { configuration, ..wish(&Who::Host, title) };
            let started = house.playback.start(&wish, ORIGIN).await.unwrap();
            assert!(started.manifest.starts_with(&format!("/out/v1/{asset}/")));
            assert!(started.manifest.ends_with("/index.m3u8"));
            manifests.push(started.manifest);
        }
        assert_ne!(manifests[0], manifests[1]);
    }
}
