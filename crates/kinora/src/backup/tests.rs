use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use blob::Blob;
use db::Db;
use model::{BucketName, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::cli::{self, Restore, Server};

/// A data folder with stored files, and a backup of it.
struct House {
    dir: TempDir,
    ids: Vec<FileId>,
}

impl House {
    async fn new() -> Self {
        Self::with(false).await
    }

    async fn with(sealed: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let db = Db::open_sqlite(&data.join("kinora.db")).await.unwrap();
        db.migrate(&[blob::MIGRATIONS]).await.unwrap();
        let ring = KeyProvider::File(data.join("keys/ring"));
        ring.store(&Ring::make(Timestamp(1)).unwrap()).unwrap();
        let blob = store(&db, &data, sealed).await;
        for n in 0..3 {
            let new = blob::New::named(BucketName::media(), n.to_string().parse().unwrap(), blob::By::Kinora);
            blob.put(vec![n; 5000], new).await.unwrap();
        }
        let ids = mirror::files(&mut db.begin().await.unwrap()).await.unwrap().into_iter().collect();
        db.close().await;
        Self { dir, ids }
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    async fn run(&self, with_keys: bool, check: bool) -> Result<(), String> {
        let data = self.dir.path().join("data");
        let ring = cli::Ring {
            keys: Some(data.join("keys/ring")),
            server: Server { data: Some(data), config: None },
        };
        let command = Backup { to: self.to(), with_keys, check, database: None, ring };
        backup(command).await.map_err(|error| format!("{error:#}"))
    }

    async fn backup(&self) -> Result<(), String> {
        self.run(false, false).await
    }

    async fn check(&self) -> Result<(), String> {
        self.run(false, true).await
    }

    /// Restores into `new`; answers the files that are there then.
    async fn restore(&self, database: Option<&str>) -> Result<usize, String> {
        let data = self.dir.path().join("new");
        let config = Some(self.settings()).filter(|file| file.exists());
        let server = Server { data: Some(data.clone()), config };
        let command =
            Restore { from: self.to(), database: database.map(str::to_owned), server, damaged: false };
        restore(command).await.map_err(|error| format!("{error:#}"))?;
        Ok(self.ids.iter().filter(|id| mirror::path(&data.join("objects"), **id).exists()).count())
    }

    /// Brings back what is damaged or lost.
    async fn repair(&self) -> Result<(), String> {
        let server = Server { data: Some(self.dir.path().join("data")), config: None };
        let command = Restore { from: self.to(), database: None, server, damaged: true };
        restore(command).await.map_err(|error| format!("{error:#}"))
    }

    /// Looks at every stored file.
    async fn look_deep(&self) -> u64 {
        let data = self.dir.path().join("data");
        let db = Db::open_sqlite(&data.join("kinora.db")).await.unwrap();
        let looked = store(&db, &data, true).await.verify_behind(None, u64::MAX).await.unwrap();
        db.close().await;
        looked.damaged.len() as u64
    }

    /// A file of settings that counts where it is there.
    fn settings(&self) -> PathBuf {
        self.dir.path().join("kinora.toml")
    }

    fn is_restored(&self) -> bool {
        self.dir.path().join("new").exists()
    }

    fn stored(&self, n: usize) -> PathBuf {
        mirror::path(&self.dir.path().join("data/objects"), self.ids[n])
    }

    fn kept(&self, n: usize) -> PathBuf {
        mirror::path(&self.to().join("objects"), self.ids[n])
    }

    fn name(&self, n: usize) -> String {
        self.ids[n].to_string()
    }
}

async fn store(db: &Db, data: &Path, sealed: bool) -> Blob {
    let ring = KeyRing::open(KeyProvider::File(data.join("keys/ring"))).unwrap();
    let config = blob::Config { sealed, ..blob::Config::default() };
    Blob::open_with(db.clone(), &data.join("objects"), config, Some(ring)).await.unwrap()
}

/// Changes a bit of a file, whatever names it has.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[4000] ^= 4;
    fs::write(path, bytes).unwrap();
}

/// Changes a file's bytes and not its length, in this one of its names.
fn damage(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, vec![9; bytes.len()]).unwrap();
}

#[tokio::test]
async fn a_restore_that_cannot_be_done_leaves_no_trace() {
    let house = House::new().await;
    house.run(true, false).await.unwrap();
    let refused = house.restore(Some("postgres://localhost/none")).await.unwrap_err();
    assert!(refused.contains("SQLite"), "{refused}");
    assert!(!house.is_restored());

    let ring = house.to().join("keys/ring");
    let good = fs::read(&ring).unwrap();
    for bad in [&good[..good.len() / 2], b"{}"] {
        fs::write(&ring, bad).unwrap();
        assert!(house.check().await.unwrap_err().contains("key ring"));
        assert!(house.restore(None).await.unwrap_err().contains("key ring"));
    }
    fs::remove_file(&ring).unwrap();
    assert!(house.check().await.unwrap_err().contains("key ring"));
    assert!(house.restore(None).await.unwrap_err().contains("key ring"));
    assert!(!house.is_restored());
    fs::write(&ring, &good).unwrap();
    assert_eq!(house.restore(None).await.unwrap(), 3);
    assert!(KeyProvider::File(house.dir.path().join("new/keys/ring")).load().unwrap().is_some());
}

#[tokio::test]
async fn the_key_ring_goes_where_the_settings_say_and_over_no_other() {
    let house = House::new().await;
    house.run(true, false).await.unwrap();
    let elsewhere = house.dir.path().join("ring/of-the-service");
    fs::write(house.settings(), format!("keys = {elsewhere:?}")).unwrap();
    let provider = KeyProvider::File(elsewhere);
    let foreign = Ring::make(Timestamp(2)).unwrap();
    provider.create(&foreign).unwrap();
    let refused = house.restore(None).await.unwrap_err();
    assert!(refused.contains("there is another one") && !house.is_restored(), "{refused}");
    assert_eq!(provider.load().unwrap().unwrap().fingerprint(), foreign.fingerprint());

    fs::remove_file(provider.path()).unwrap();
    assert_eq!(house.restore(None).await.unwrap(), 3);
    let of_the_backup = KeyProvider::File(house.to().join("keys/ring")).load().unwrap().unwrap();
    assert_eq!(provider.load().unwrap().unwrap().fingerprint(), of_the_backup.fingerprint());
    assert!(!house.dir.path().join("new/keys").exists());
}

/// A database that was made in the place of another one would empty the backup.
#[tokio::test]
async fn another_installation_does_not_replace_a_backup() {
    let house = House::new().await;
    house.backup().await.unwrap();
    let (data, manifest) = (house.dir.path().join("data"), house.to().join(manifest::NAME));
    for is_old in [false, true] {
        if is_old {
            // From before the id was noted.
            let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
            for name in ["store", "sha256", "objects_sha256"] {
                assert!(old.as_object_mut().unwrap().remove(name).is_some());
            }
            old["format"] = 1.into();
            fs::write(&manifest, old.to_string()).unwrap();
            // Nor can be read what was in it.
            fs::write(house.to().join(old["objects"].as_str().unwrap()), "damaged").unwrap();
        }
        let own = data.with_extension("own");
        fs::rename(&data, &own).unwrap();
        for has_store in [false, true] {
            fs::create_dir(&data).unwrap();
            let db = Db::open_sqlite(&data.join("kinora.db")).await.unwrap();
            db.migrate(&[blob::MIGRATIONS]).await.unwrap();
            if has_store {
                Blob::open(db.clone(), &data.join("objects")).await.unwrap();
            }
            db.close().await;
            fs::create_dir(data.join("keys")).unwrap();
            fs::copy(own.join("keys/ring"), data.join("keys/ring")).unwrap();
            let refused = house.backup().await.unwrap_err();
            assert!(refused.contains("another installation"), "{refused}");
            fs::remove_dir_all(&data).unwrap();
        }
        fs::rename(&own, &data).unwrap();
        assert!((0..3).all(|n| house.kept(n).exists()));
        house.backup().await.unwrap();
        house.check().await.unwrap();
        assert!((0..3).all(|n| house.kept(n).exists()));
    }
}

/// It would name none of the files, and its owner would think that they are in it.
#[tokio::test]
async fn a_database_beside_the_one_of_the_files_is_not_backed_up() {
    let house = House::new().await;
    let path = house.dir.path().join("data/kinora.db");
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(path.with_file_name(format!("kinora.db{suffix}"))));
    }
    let db = Db::open_sqlite(&path).await.unwrap();
    db.migrate(&[blob::MIGRATIONS]).await.unwrap();
    db.close().await;
    let refused = house.backup().await.unwrap_err();
    assert!(refused.contains("are not those of this database"), "{refused}");
    assert!(!house.to().exists());
}

#[tokio::test]
async fn a_folder_takes_one_backup_at_a_time() {
    let house = House::new().await;
    let first = Archive::to_write(&house.to()).unwrap();
    assert!(house.backup().await.unwrap_err().contains("in use"));
    drop(first);
    house.backup().await.unwrap();
    let first = Archive::to_write(&house.to()).unwrap();
    assert!(house.check().await.unwrap_err().contains("is running: retry"));
    assert!(house.restore(None).await.unwrap_err().contains("is running: retry"));
    drop(first);
    let reader = Archive::to_read(&house.to()).unwrap();
    house.check().await.unwrap();
    assert!(house.backup().await.unwrap_err().contains("in use"));
    drop(reader);
    house.backup().await.unwrap();
}

#[tokio::test]
async fn what_a_broken_off_backup_left_is_cleared() {
    let house = House::new().await;
    let to = house.to();
    fs::create_dir_all(to.join("keys")).unwrap();
    let leave = |names: &[&str]| names.iter().for_each(|name| fs::write(to.join(name), "left").unwrap());
    leave(&["keys/ring", "keys/ring.new", "manifest.json.new", "kinora-1.db", "objects-1.sha256.new"]);
    house.backup().await.unwrap();
    assert!(!to.join("keys").exists());
    house.run(true, false).await.unwrap();
    assert!(to.join("keys/ring").exists());

    leave(&["kinora-1.db", "kinora-9.db-wal", "kinora-9.dump", "objects-9.sha256", "kinora-keys.txt"]);
    fs::write(to.join("keys/letter"), "dear").unwrap();
    house.backup().await.unwrap();
    let names = |path: &Path| {
        let names = fs::read_dir(path).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let ours = [
        "backup.lock",
        "keys",
        "kinora-3.db",
        "kinora-keys.txt",
        "manifest.json",
        "objects",
        "objects-3.sha256",
    ];
    assert_eq!(names(&to), ours.map(str::to_owned).into());
    assert_eq!(names(&to.join("keys")), ["letter".to_owned()].into());
    house.check().await.unwrap();
}

#[tokio::test]
async fn a_backup_that_breaks_off_takes_no_key_ring_from_the_one_before() {
    let house = House::new().await;
    house.run(true, false).await.unwrap();
    let manifest = house.to().join(manifest::NAME);
    let good = fs::read(&manifest).unwrap();
    let to = Archive::to_write(&house.to()).unwrap();
    let next = Manifest { keys: false, ..Manifest::read(to.path()).unwrap().unwrap() };
    // Nothing can take the place of a folder.
    fs::remove_file(&manifest).unwrap();
    fs::create_dir_all(manifest.join("in the way")).unwrap();
    publish(&to, &next, None).unwrap_err();
    fs::remove_dir_all(&manifest).unwrap();
    fs::write(&manifest, good).unwrap();
    drop(to);
    assert_eq!(house.restore(None).await.unwrap(), 3);
    assert!(KeyProvider::File(house.dir.path().join("new/keys/ring")).load().unwrap().is_some());

    let to = Archive::to_write(&house.to()).unwrap();
    publish(&to, &next, None).unwrap();
    assert!(!house.to().join("keys").exists());
}

#[tokio::test]
async fn a_lost_object_is_named_and_the_rest_is_kept() {
    let house = House::new().await;
    let stored = fs::read(house.stored(1)).unwrap();
    fs::remove_file(house.stored(1)).unwrap();
    for _ in 0..2 {
        let told = house.backup().await.unwrap_err();
        assert!(told.contains(&house.name(1)) && !told.contains(&house.name(0)), "{told}");
    }
    let told = house.check().await.unwrap_err();
    assert!(told.contains("all 2 objects") && told.contains(&house.name(1)), "{told}");
    assert_eq!(house.restore(None).await.unwrap(), 2);

    fs::write(house.stored(1), stored).unwrap();
    house.backup().await.unwrap();
    house.check().await.unwrap();
}

#[tokio::test]
async fn a_damaged_backup_heals() {
    let house = House::new().await;
    house.backup().await.unwrap();
    damage(&house.kept(0));
    let told = house.check().await.unwrap_err();
    assert!(
        told.contains("1 of 3") && told.contains(&house.name(0)) && told.contains("copies them again"),
        "{told}"
    );
    assert!(house.kept(0).with_extension("damaged").exists(), "it may be all that is left");
    assert!(house.restore(None).await.unwrap_err().contains(&house.name(0)));
    house.backup().await.unwrap();
    house.check().await.unwrap();
    assert!(!house.kept(0).with_extension("damaged").exists());

    let list = house.to().join("objects-2.sha256");
    fs::write(&list, "# 1\nsomething else\n").unwrap();
    assert!(house.check().await.is_err());
    house.backup().await.unwrap();
    house.check().await.unwrap();
}

#[tokio::test]
async fn what_is_damaged_in_the_store_is_not_taken_for_what_it_was() {
    let house = House::new().await;
    house.backup().await.unwrap();
    damage(&house.stored(2));
    house.backup().await.unwrap();
    damage(&house.kept(2));
    house.check().await.unwrap_err();
    for _ in 0..2 {
        let told = house.backup().await.unwrap_err();
        assert!(told.contains(&house.name(2)), "{told}");
        assert!(house.kept(2).with_extension("damaged").exists() && !house.kept(2).exists());
    }
    assert_eq!(house.restore(None).await.unwrap(), 2);
}

#[tokio::test]
async fn a_flipped_bit_in_the_store_is_named_and_never_taken_for_what_was_written() {
    for sealed in [false, true] {
        let house = House::with(sealed).await;
        flip(&house.stored(0));
        for _ in 0..2 {
            let told = house.backup().await.unwrap_err();
            assert!(told.contains("1 stored files") && told.contains(&house.name(0)), "{told}");
            assert!(told.contains("(media/"), "it says what that is: {told}");
        }
        assert!(!house.kept(0).exists() && house.kept(1).exists() && house.kept(2).exists());
        let told = house.check().await.unwrap_err();
        assert!(told.contains("all 2 objects") && told.contains(&house.name(0)), "{told}");
        flip(&house.stored(0));
        house.backup().await.unwrap();
        house.check().await.unwrap();
        // Without the keys what is sealed cannot be looked at, and the next backup with them makes up for it.
        let ring = house.dir.path().join("data/keys/ring");
        fs::remove_dir_all(house.to()).unwrap();
        fs::rename(&ring, ring.with_extension("away")).unwrap();
        damage(&house.stored(0));
        assert_eq!(house.backup().await.is_ok(), sealed);
        fs::rename(ring.with_extension("away"), &ring).unwrap();
        let told = house.backup().await.unwrap_err();
        assert!(told.contains(&house.name(0)) && !told.contains(&house.name(1)), "{told}");
    }
}

#[tokio::test]
async fn a_changed_digit_in_a_list_is_noticed_and_costs_no_good_file() {
    let house = House::with(true).await;
    house.backup().await.unwrap();
    let list = house.to().join("objects-1.sha256");
    let text = fs::read_to_string(&list).unwrap();
    let length = text.lines().next().unwrap();
    fs::write(&list, text.replacen(length, &format!("# {}", 1_000_000), 1)).unwrap();
    let told = house.check().await.unwrap_err();
    assert!(told.contains("objects-1.sha256 is damaged"), "{told}");
    // Even where the copy in the backup is all that is left.
    damage(&house.stored(0));
    house.backup().await.unwrap();
    assert!((0..3).all(|n| house.kept(n).exists()));
    house.check().await.unwrap();

    let manifest = house.to().join(manifest::NAME);
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"count\": 3", "\"count\": 2", 1)).unwrap();
    for told in [house.check().await.unwrap_err(), house.backup().await.unwrap_err()] {
        assert!(told.contains("manifest.json is damaged"), "{told}");
    }
    fs::remove_file(&manifest).unwrap();
    house.backup().await.unwrap();
    assert!((0..3).all(|n| house.kept(n).exists()));
    house.check().await.unwrap();
}

#[tokio::test]
async fn damaged_and_lost_files_alone_are_brought_back() {
    for sealed in [false, true] {
        let house = House::with(sealed).await;
        house.backup().await.unwrap();
        let before: Vec<_> = (0..3).map(|n| fs::read(house.stored(n)).unwrap()).collect();
        damage(&house.stored(1));
        fs::remove_file(house.stored(2)).unwrap();
        assert_eq!(house.look_deep().await, 2);
        house.repair().await.unwrap();
        assert!((0..3).all(|n| fs::read(house.stored(n)).unwrap() == before[n]));
        assert_eq!(house.look_deep().await, 0);

        // Files that are damaged in the backup as well are named and left as they are.
        damage(&house.stored(0));
        damage(&house.kept(0));
        let bad = fs::read(house.stored(0)).unwrap();
        assert_eq!(house.look_deep().await, 1);
        let told = house.repair().await.unwrap_err();
        assert!(told.contains(&house.name(0)) && told.contains("in the backup as well"), "{told}");
        assert_eq!(fs::read(house.stored(0)).unwrap(), bad);
    }
}
