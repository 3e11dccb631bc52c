//! `vong-collector user`: the people who may sign in.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{AdminError, audited, find, open, print};
use crate::api::password;
use crate::clock::now_ms;
use crate::config::Config;
use crate::registry::user::{self, NewUser, Role};
use crate::registry::{Registry, session};

const ROLES: &[&str] = &["administrator", "analyst", "unit_staff", "auditor"];

/// The people who may sign in.
#[derive(Debug, Args)]
pub struct User {
    #[command(subcommand)]
    command: UserCommand,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user and print a password that must be changed at the first sign-in
    Add {
        /// The name they sign in with
        #[arg(long)]
        name: String,
        /// What they may do
        #[arg(long, value_parser = find::word::<Role>(ROLES))]
        role: Role,
        /// They see this unit and those below it (number or name); without it, everything
        #[arg(long)]
        unit: Option<String>,
        /// Their mail address
        #[arg(long, default_value = "")]
        email: String,
        /// The language of their pages
        #[arg(long, default_value = "vi", value_parser = ["vi", "en"])]
        language: String,
    },
    /// List all users
    List,
    /// Let a user in no longer; their sessions end
    Disable {
        /// The user's name
        name: String,
    },
    /// Let a disabled user in again
    Enable {
        /// The user's name
        name: String,
    },
    /// Print a new password for a user; their sessions end
    ResetPassword {
        /// The user's name
        name: String,
    },
}

impl User {
    pub(super) async fn run(self, config: &Config) -> Result<(), AdminError> {
        let registry = open(config).await?;
        match self.command {
            UserCommand::Add {
                name,
                role,
                unit,
                email,
                language,
            } => {
                let unit_id = match unit {
                    Some(unit) => Some(find::unit(&registry, &unit).await?.id),
                    None => None,
                };
                if role == Role::UnitStaff && unit_id.is_none() {
                    let remedy = "the role unit_staff needs --unit: staff of no unit would see nothing";
                    return Err(AdminError::Usage(remedy.to_owned()));
                }
                let name = name.trim().to_owned();
                add(
                    &registry,
                    NewUser {
                        name,
                        password_hash: String::new(),
                        role,
                        unit_id,
                        must_change_password: true,
                        language,
                        email,
                    },
                    self.json,
                )
                .await
            }
            UserCommand::List => list(&registry, self.json).await,
            UserCommand::Disable { name } => set_disabled(&registry, &name, true, self.json).await,
            UserCommand::Enable { name } => set_disabled(&registry, &name, false, self.json).await,
            UserCommand::ResetPassword { name } => reset_password(&registry, &name, self.json).await,
        }
    }
}

async fn add(registry: &Registry, draft: NewUser, json: bool) -> Result<(), AdminError> {
    if draft.name.is_empty() {
        return Err(AdminError::Usage("--name must not be empty".to_owned()));
    }
    let password = password::one_time();
    let new = NewUser {
        password_hash: password::hash(&password),
        ..draft
    };
    let mut tx = registry.begin().await?;
    let Some(id) = user::insert(&mut tx, &new, now_ms()).await? else {
        let name = new.name;
        return Err(AdminError::Refused(format!(
            "there is already a user {name:?}; see: vong-collector user list"
        )));
    };
    let detail = json!({ "role": new.role, "unit": new.unit_id });
    audited(&mut tx, "user.added", &format!("user/{id}"), &detail).await?;
    tx.commit().await?;
    tell(&new.name, &password, json)
}

/// The one moment at which a password is seen.
fn tell(name: &str, password: &str, json: bool) -> Result<(), AdminError> {
    if json {
        return print::json(&json!({ "name": name, "password": password }));
    }
    print::line(&format!(
        "{} signs in once with the password {password} and then chooses one of their own",
        print::plain(name)
    ))
}

async fn set_disabled(registry: &Registry, name: &str, disabled: bool, json: bool) -> Result<(), AdminError> {
    let user = find::user(registry, name).await?;
    let action = if disabled { "user.disabled" } else { "user.enabled" };
    let mut tx = registry.begin().await?;
    user::set_disabled(&mut tx, user.id, disabled).await?;
    audited(&mut tx, action, &format!("user/{}", user.id), &json!({})).await?;
    tx.commit().await?;
    if json {
        return print::json(&json!({ "name": user.name, "disabled": disabled }));
    }
    let may = if disabled {
        "may no longer sign in"
    } else {
        "may sign in again"
    };
    print::line(&format!("{} {may}", print::plain(&user.name)))
}

async fn reset_password(registry: &Registry, name: &str, json: bool) -> Result<(), AdminError> {
    let user = find::user(registry, name).await?;
    let password = password::one_time();
    let hash = password::hash(&password);
    let mut tx = registry.begin().await?;
    user::set_password(&mut tx, user.id, &hash, true).await?;
    session::end_all_of(&mut tx, user.id).await?;
    audited(
        &mut tx,
        "user.password_reset",
        &format!("user/{}", user.id),
        &json!({}),
    )
    .await?;
    tx.commit().await?;
    tell(&user.name, &password, json)
}

async fn list(registry: &Registry, json: bool) -> Result<(), AdminError> {
    let users = user::all(registry).await?;
    if json {
        let items: Vec<Value> = users.iter().map(shown).collect();
        return print::json(&json!({ "items": items }));
    }
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            [
                user.name.clone(),
                print::word(user.role),
                user.unit_id
                    .map_or_else(|| "all".to_owned(), |unit| unit.to_string()),
                user.email.clone(),
                print::yes(!user.disabled),
                print::moment(Some(user.created_ms)),
            ]
        })
        .collect();
    print::table(["name", "role", "unit", "email", "may sign in", "added"], &rows)
}

fn shown(user: &user::User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "unit_id": user.unit_id,
        "email": user.email,
        "language": user.language,
        "disabled": user.disabled,
        "must_change_password": user.must_change_password,
        "created_ms": user.created_ms,
    })
}
