//! The public HTTP API, used as the dashboard uses it: a session, a cookie, JSON.

use anyhow::{Context, ensure};
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A signed-in user.
pub struct Api {
    client: Client,
    base: String,
    csrf: String,
}

/// An answer: the status and the JSON body, null when there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Api {
    /// Opens a session.
    ///
    /// # Errors
    /// Name or password is refused, or the collector cannot be reached.
    pub fn sign_in(web: &str, name: &str, password: &str) -> anyhow::Result<Self> {
        let client = Client::builder().cookie_store(true).no_proxy().build()?;
        let mut api = Self {
            client,
            base: format!("{web}/api/v1"),
            csrf: String::new(),
        };
        let answer = api.send(
            Method::POST,
            "/session",
            Some(&json!({ "name": name, "password": password })),
        )?;
        ensure!(answer.status == 200, "signing in: {answer:?}");
        api.csrf = answer.body["csrf"]
            .as_str()
            .context("the answer holds the CSRF token")?
            .to_owned();
        if answer.body["must_change_password"] == true {
            api.choose_password(password)?;
        }
        Ok(api)
    }

    /// A password that was given is good for one thing: choosing another.
    fn choose_password(&self, given: &str) -> anyhow::Result<()> {
        let chosen = json!({ "current": given, "new": format!("{given}, chosen") });
        let answer = self.send(Method::PUT, "/me/password", Some(&chosen))?;
        ensure!(answer.status == 204, "choosing a password: {answer:?}");
        Ok(())
    }

    /// Reads; anything but success is an error.
    ///
    /// # Errors
    /// The request failed.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send(Method::GET, path, None)?;
        ensure!(answer.status == 200, "GET {path}: {answer:?}");
        Ok(answer.body)
    }

    /// The items of a list, first page.
    ///
    /// # Errors
    /// The request failed, or the answer is no list.
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.get(path)?;
        Ok(answer["items"]
            .as_array()
            .with_context(|| format!("GET {path} is no list: {answer}"))?
            .clone())
    }

    /// Sends a request of any kind.
    ///
    /// # Errors
    /// There was no answer.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let request = self.request(method, path);
        answered(match body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    /// Sends a file.
    ///
    /// # Errors
    /// There was no answer.
    pub fn send_file(&self, path: &str, content: Vec<u8>) -> anyhow::Result<Answer> {
        let request = self.request(Method::POST, path);
        answered(
            request
                .header("Content-Type", "application/octet-stream")
                .body(content),
        )
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.csrf.is_empty() {
            request
        } else {
            request.header("X-CSRF-Token", &self.csrf)
        }
    }
}

fn answered(request: RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send()?;
    let status = response.status().as_u16();
    let text = response.text()?;
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(text.into())
    };
    Ok(Answer { status, body })
}
