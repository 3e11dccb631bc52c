//! Registries for tests: a SQLite file of its own, and databases of their own on a PostgreSQL server.
//!
//! The server is the one that `VONG_TEST_POSTGRES_URL` names, or a private cluster made for the test:
//! on a socket in its own folder, without a port, gone at the end.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sqlx::Connection;
use tempfile::TempDir;

use super::host::{HostKind, HostStatus, NewHost};
use super::unit::{UnitDraft, UnitKind};
use super::{Registry, host, unit};
use crate::entry::HostId;

/// A registry in a folder that goes with it.
pub(crate) struct SqliteRegistry {
    pub(crate) registry: Registry,
    _folder: TempDir,
}

/// A new registry in SQLite.
pub(crate) async fn sqlite() -> SqliteRegistry {
    let folder = TempDir::new().expect("a temporary folder");
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("registry.db").display()
    );
    SqliteRegistry {
        registry: Registry::open(&url).await.expect("a new registry"),
        _folder: folder,
    }
}

/// A PostgreSQL server for one test.
pub(crate) struct Postgres {
    /// URL up to the database's name, and what follows it.
    url: (String, String),
    cluster: Option<Cluster>,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        if let Ok(url) = std::env::var("VONG_TEST_POSTGRES_URL") {
            let (server, parameters) = url.split_once('?').unwrap_or((&url, ""));
            let (server, _) = server.rsplit_once('/').expect("the URL names a database");
            return Self {
                url: (server.to_owned(), format!("?{parameters}")),
                cluster: None,
            };
        }
        let cluster = Cluster::start();
        let parameters = format!("?host={}", cluster.folder.path().display());
        Self {
            url: ("postgres://postgres@localhost".to_owned(), parameters),
            cluster: Some(cluster),
        }
    }

    /// A new registry in a database of its own.
    pub(crate) async fn registry(&self, name: &str) -> Registry {
        let (server, parameters) = &self.url;
        sqlx::any::install_default_drivers();
        let database = format!("vong_test_{}_{name}", std::process::id());
        let mut admin = sqlx::AnyConnection::connect(&format!("{server}/postgres{parameters}"))
            .await
            .expect("the test server answers");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}")))
            .execute(&mut admin)
            .await
            .expect("a new database");
        Registry::open(&format!("{server}/{database}{parameters}"))
            .await
            .expect("a new registry")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(cluster) = &self.cluster {
            cluster.run("pg_ctl", &["stop", "-m", "immediate", "-D", &cluster.data()]);
        }
    }
}

struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    as_root: bool,
}

impl Cluster {
    fn start() -> Self {
        let programs = newest_programs();
        let as_root = output("id", &["-u"]).trim() == "0";
        let folder = tempfile::Builder::new()
            .prefix("vong-pg-")
            .tempdir_in("/tmp")
            .expect("a temporary folder");
        let cluster = Self {
            folder,
            programs,
            as_root,
        };
        if as_root {
            // PostgreSQL refuses to run as root.
            output(
                "chown",
                &["postgres", &cluster.folder.path().display().to_string()],
            );
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
        );
        let options = format!(
            "-c listen_addresses='' -c fsync=off -k {}",
            cluster.folder.path().display()
        );
        let log = format!("{data}.log");
        cluster.run(
            "pg_ctl",
            &["start", "-w", "-D", &data, "-l", &log, "-o", &options],
        );
        cluster
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let status = command
            .args(arguments)
            .current_dir("/tmp")
            .stdout(Stdio::null())
            .status()
            .expect("PostgreSQL's programs can be run");
        assert!(status.success(), "{arguments:?} failed: {status}");
    }
}

fn newest_programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed (Debian: postgresql), or VONG_TEST_POSTGRES_URL is set")
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    versions.sort();
    versions
        .pop()
        .expect("PostgreSQL's server programs are installed")
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("a system program");
    assert!(output.status.success(), "{program} {arguments:?} failed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A unit below another.
pub(crate) async fn a_unit(registry: &Registry, parent_id: Option<i64>, name: &str, email: &str) -> i64 {
    let draft = UnitDraft {
        parent_id,
        name: name.to_owned(),
        kind: UnitKind::Commune,
        contact_name: String::new(),
        contact_email: email.to_owned(),
        phone: String::new(),
    };
    let mut tx = registry.begin().await.expect("begin");
    let id = unit::insert(&mut tx, &draft, 1).await.expect("a unit");
    tx.commit().await.expect("commit");
    id
}

/// An active workstation.
pub(crate) async fn a_host(registry: &Registry, unit_id: i64, name: &str) -> HostId {
    let new = NewHost {
        unit_id,
        name: name.to_owned(),
        os: "Debian 12".to_owned(),
        fingerprint: vong_proto::session::Fingerprint {
            machine_id: format!("machine of {name}"),
            ..Default::default()
        },
        kind: HostKind::Workstation,
        status: HostStatus::Active,
    };
    let mut tx = registry.begin().await.expect("begin");
    let id = host::insert(&mut tx, &new, 1).await.expect("a host");
    tx.commit().await.expect("commit");
    id
}
