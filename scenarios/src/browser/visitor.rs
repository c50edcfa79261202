//! A user who looks at the pages of the server in a browser.

use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::json;

use super::chromium::Chromium;
use crate::calls::{part, value};
use crate::expect;

/// A user's browser, logged in.
#[derive(Debug)]
pub struct Visitor {
    /// What they look with.
    pub chromium: Chromium,
    root: String,
}

impl Visitor {
    /// Starts a browser and logs in as the administrator.
    ///
    /// # Errors
    /// When there is no browser, or the pages do not let the administrator in.
    pub async fn log_in(environment: &Environment) -> Result<Self, Failed> {
        let root = part(environment, "server")?.url().to_owned();
        let mut visitor = Self { chromium: Chromium::start().await?, root };
        visitor.fill_in(&value(environment, "secret.admin_password")?).await?;
        Ok(visitor)
    }

    /// Goes to a path, and waits until whatever page is there is complete.
    ///
    /// # Errors
    /// When none is.
    pub async fn go(&mut self, path: &str) -> Result<(), Failed> {
        self.chromium.evaluate("window.left = true").await?;
        self.chromium.go(&format!("{}{path}", self.root)).await?;
        self.comes_true("!window.left").await
    }

    /// Logs in as a user does: with the form that whoever is none is led to.
    async fn fill_in(&mut self, password: &str) -> Result<(), Failed> {
        self.go("/events").await?;
        self.path_is("/login").await?;
        let password = json!(password);
        self.chromium
            .evaluate(&format!(
                "document.querySelector('[name=username]').value = 'admin'; \
                 document.querySelector('[name=password]').value = {password}; \
                 document.querySelector('form button').click()"
            ))
            .await?;
        self.path_is("/").await
    }

    async fn path_is(&mut self, path: &str) -> Result<(), Failed> {
        self.comes_true(&format!("location.pathname == {}", json!(path))).await
    }

    /// Waits until an expression holds in the page.
    ///
    /// # Errors
    /// When it does not.
    pub async fn comes_true(&mut self, expression: &str) -> Result<(), Failed> {
        let chromium = &mut self.chromium;
        expect::eventually(expression, async || {
            let ready = format!("document.readyState == 'complete' && Boolean({expression})");
            Ok((chromium.evaluate(&ready).await? == true).then_some(()))
        })
        .await
    }

    /// Ends the browser.
    pub async fn leave(self) {
        self.chromium.stop().await;
    }
}
