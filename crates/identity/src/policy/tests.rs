//! Every cell of role × action × resource.

use std::fmt::Write as _;

use super::*;

fn people(me: AccountId) -> [(&'static str, Who); 10] {
    let session = || Via::Session("0123456789abcdef0123456789abcdef".parse().unwrap());
    let key = || Via::AccessKey { id: "KEY".into(), buckets: Buckets::Only([BucketName::source()].into()) };
    let account = |role, via| Who::Account { account: me, role, via };
    [
        ("guest", Who::Guest),
        ("viewer", account(Role::Viewer, session())),
        ("creator", account(Role::Creator, session())),
        ("operator", account(Role::Operator, session())),
        ("creator's key", account(Role::Creator, key())),
        ("operator's key", account(Role::Operator, key())),
        ("viewer's part", account(Role::Viewer, Via::Part)),
        ("creator's part", account(Role::Creator, Via::Part)),
        ("operator's part", account(Role::Operator, Via::Part)),
        ("host", Who::Host),
    ]
}

#[test]
fn the_whole_matrix() {
    let (me, other) = (AccountId::new(), AccountId::new());
    let (source, media) = (BucketName::source(), BucketName::media());
    let title = |owner, visibility, ready| Resource::Title(Title { owner, visibility, ready });
    let resources = [
        ("installation", Resource::Installation),
        ("own private title", title(Some(me), Visibility::Private, true)),
        ("own broken title", title(Some(me), Visibility::Public, false)),
        ("private title", title(Some(other), Visibility::Private, true)),
        ("ownerless private title", title(None, Visibility::Private, true)),
        ("members' title", title(Some(other), Visibility::Members, true)),
        ("public title", title(Some(other), Visibility::Public, true)),
        ("broken public title", title(Some(other), Visibility::Public, false)),
        ("bucket of the key", Resource::Bucket(&source)),
        ("other bucket", Resource::Bucket(&media)),
        ("own account", Resource::Account(me)),
        ("other account", Resource::Account(other)),
    ];
    let mut matrix = String::new();
    for (resource_name, resource) in &resources {
        writeln!(matrix, "{resource_name}").unwrap();
        for (name, who) in people(me) {
            let allowed: Vec<String> = Action::ALL
                .into_iter()
                .filter(|action| may(&who, *action, resource))
                .map(|action| format!("{action:?}"))
                .collect();
            if !allowed.is_empty() {
                writeln!(matrix, "  {name}: {}", allowed.join(" ")).unwrap();
            }
        }
    }
    insta::assert_snapshot!(matrix, @r"
    installation
      creator: Upload
      operator: Upload SeeJobs ManageJobs ManageAccounts ManageKeys ManagePackaging
      creator's part: Upload
      operator's part: Upload
      host: Upload SeeJobs ManageJobs ManageAccounts ManageKeys ManagePackaging
    own private title
      viewer: SeeTitle WatchTitle
      creator: SeeTitle WatchTitle EditTitle DeleteTitle
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    own broken title
      viewer: SeeTitle WatchTitle
      creator: SeeTitle WatchTitle EditTitle DeleteTitle
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    private title
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    ownerless private title
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    members' title
      viewer: SeeTitle WatchTitle
      creator: SeeTitle WatchTitle
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    public title
      guest: SeeTitle WatchTitle
      viewer: SeeTitle WatchTitle
      creator: SeeTitle WatchTitle
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    broken public title
      operator: SeeTitle WatchTitle EditTitle DeleteTitle
      host: SeeTitle WatchTitle EditTitle DeleteTitle
    bucket of the key
      operator: ReadBucket WriteBucket
      creator's key: ReadBucket WriteBucket
      operator's key: ReadBucket WriteBucket
      host: ReadBucket WriteBucket
    other bucket
      operator: ReadBucket WriteBucket
      host: ReadBucket WriteBucket
    own account
      viewer: ManageSessions
      creator: ManageSessions
      operator: ManageSessions ManageAccessKeys
      host: ManageSessions ManageAccessKeys
    other account
      operator: ManageSessions
      host: ManageSessions ManageAccessKeys
    ");
}
