//! The collection of proxies: everything the HTTP API can do, as methods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Error;
use crate::model::{NewProxy, NewToxic, ProxyUpdate, ProxyView, ToxicUpdate, ToxicView};
use crate::observer::Observer;
use crate::proxy::Proxy;
use crate::tally::CutReport;
use crate::traffic::Traffic;

/// A collection of proxies. Clones share it; when the last one is dropped every listener and
/// connection is closed.
///
/// The methods that open sockets must be called within a tokio runtime.
#[derive(Clone)]
pub struct Proxies {
    inner: Arc<Inner>,
}

struct Inner {
    seed: u64,
    proxies: Mutex<BTreeMap<String, Arc<Proxy>>>,
    root: CancellationToken,
    observer: Option<Observer>,
    _stop_on_drop: DropGuard,
}

/// A populate that failed half way.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PopulateError {
    /// Why.
    pub error: Error,
    /// The proxies that were made, or left as they were, before.
    pub made: Vec<ProxyView>,
}

/// A proxy to make, with nothing missing.
struct Checked {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
    toxics: Vec<NewToxic>,
}

impl Proxies {
    /// An empty collection. Every random choice follows from `seed`, the names of proxies and toxics,
    /// and the order in which a proxy's connections come in.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, None)
    }

    /// The same, with an observer of the HTTP calls that go through.
    pub fn observed(seed: u64, observer: Observer) -> Self {
        Self::with(seed, Some(observer))
    }

    fn with(seed: u64, observer: Option<Observer>) -> Self {
        let root = CancellationToken::new();
        let _stop_on_drop = root.clone().drop_guard();
        let proxies = Mutex::default();
        Self { inner: Arc::new(Inner { seed, proxies, root, observer, _stop_on_drop }) }
    }

    /// Every proxy, by name.
    pub fn list(&self) -> BTreeMap<String, ProxyView> {
        self.lock().iter().map(|(name, proxy)| (name.clone(), proxy.view())).collect()
    }

    /// One proxy.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`]
    pub fn get(&self, name: &str) -> Result<ProxyView, Error> {
        Ok(self.find(name)?.view())
    }

    /// What each proxy took in and gave out, by name.
    pub(crate) fn traffic(&self) -> Vec<(ProxyView, Arc<Traffic>)> {
        self.lock().values().map(|proxy| (proxy.view(), proxy.traffic())).collect()
    }

    /// Makes a proxy with its toxics, and enables it unless told otherwise.
    ///
    /// # Errors
    /// What is missing or wrong, [`Error::ProxyAlreadyExists`], or [`Error::Listen`]. Nothing is made
    /// then.
    pub async fn create(&self, new: NewProxy) -> Result<ProxyView, Error> {
        let new = check(new, "")?;
        if self.find(&new.name).is_ok() {
            return Err(Error::ProxyAlreadyExists);
        }
        let proxy = self.build(&new)?;
        if new.enabled {
            proxy.enable().await?;
        }
        if self.insert(&new.name, &proxy) {
            Ok(proxy.view())
        } else {
            proxy.retire();
            Err(Error::ProxyAlreadyExists)
        }
    }

    /// Makes many proxies. One that stands at the same listen address and upstream already is left as
    /// it is; one that differs is replaced.
    ///
    /// # Errors
    /// The first thing that is wrong. The list is checked as a whole before anything is changed, so
    /// only a listen address that cannot be bound leaves a part of it made.
    pub async fn populate(&self, list: Vec<NewProxy>) -> Result<Vec<ProxyView>, PopulateError> {
        let mut made = Vec::new();
        let fail = |error, made| PopulateError { error, made };
        let checked = check_all(list).map_err(|error| fail(error, Vec::new()))?;
        for new in &checked {
            match self.create_or_replace(new).await {
                Ok(view) => made.push(view),
                Err(error) => return Err(fail(error, made)),
            }
        }
        Ok(made)
    }

    /// Changes a proxy.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::MissingField`] for an empty upstream, or [`Error::Listen`],
    /// after which the proxy is disabled.
    pub async fn update(&self, name: &str, update: ProxyUpdate) -> Result<ProxyView, Error> {
        let proxy = self.find(name)?;
        if update.upstream.as_deref() == Some("") {
            return Err(Error::MissingField("upstream".to_owned()));
        }
        proxy.update(update).await
    }

    /// Deletes a proxy and closes its connections.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`]
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let proxy = self.lock().remove(name).ok_or(Error::ProxyNotFound)?;
        proxy.retire();
        proxy.disable().await;
        Ok(())
    }

    /// Deletes every proxy.
    pub async fn clear(&self) {
        let proxies = std::mem::take(&mut *self.lock());
        proxies.values().for_each(|proxy| proxy.retire());
        for proxy in proxies.values() {
            proxy.disable().await;
        }
    }

    /// Enables every proxy and removes every toxic.
    ///
    /// # Errors
    /// The first [`Error::Listen`]; every other proxy is reset all the same.
    pub async fn reset(&self) -> Result<(), Error> {
        let proxies: Vec<_> = self.lock().values().cloned().collect();
        let mut result = Ok(());
        for proxy in proxies {
            proxy.remove_all_toxics();
            match proxy.enable().await {
                // Deleted by somebody else meanwhile: nothing to reset.
                Ok(()) | Err(Error::ProxyNotFound) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// The toxics of a proxy.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`]
    pub fn toxics(&self, proxy: &str) -> Result<Vec<ToxicView>, Error> {
        Ok(self.find(proxy)?.toxics())
    }

    /// One toxic of a proxy.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::ToxicNotFound`]
    pub fn toxic(&self, proxy: &str, toxic: &str) -> Result<ToxicView, Error> {
        self.find(proxy)?.toxic(toxic)
    }

    /// What a `cut` of a proxy has counted, now and as it changes.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::ToxicNotFound`]; [`Error::InvalidToxicType`] for a toxic
    /// that is no cut.
    pub fn watch_cut(&self, proxy: &str, toxic: &str) -> Result<watch::Receiver<CutReport>, Error> {
        self.find(proxy)?.watch_cut(toxic)
    }

    /// Adds a toxic; in force on open connections when this returns.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::ToxicAlreadyExists`], or what is wrong with the toxic.
    pub fn add_toxic(&self, proxy: &str, new: NewToxic) -> Result<ToxicView, Error> {
        self.find(proxy)?.add_toxic(new)
    }

    /// Changes a toxic; in force on open connections when this returns.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::ToxicNotFound`], or what is wrong with the change.
    pub fn update_toxic(
        &self,
        proxy: &str,
        toxic: &str,
        update: &ToxicUpdate,
    ) -> Result<ToxicView, Error> {
        self.find(proxy)?.update_toxic(toxic, update)
    }

    /// Removes a toxic; no longer in force on open connections when this returns.
    ///
    /// # Errors
    /// [`Error::ProxyNotFound`], [`Error::ToxicNotFound`]
    pub fn remove_toxic(&self, proxy: &str, toxic: &str) -> Result<(), Error> {
        self.find(proxy)?.remove_toxic(toxic)
    }

    fn find(&self, name: &str) -> Result<Arc<Proxy>, Error> {
        self.lock().get(name).cloned().ok_or(Error::ProxyNotFound)
    }

    fn build(&self, new: &Checked) -> Result<Arc<Proxy>, Error> {
        let Checked { name, listen, upstream, .. } = new;
        let Inner { seed, root, observer, .. } = &*self.inner;
        let proxy = Proxy::new(name, listen, upstream, *seed, root, observer.clone());
        for toxic in &new.toxics {
            proxy.add_toxic(toxic.clone())?;
        }
        Ok(Arc::new(proxy))
    }

    /// Enters a proxy unless there is one of its name.
    fn insert(&self, name: &str, proxy: &Arc<Proxy>) -> bool {
        let mut proxies = self.lock();
        let free = !proxies.contains_key(name);
        if free {
            proxies.insert(name.to_owned(), Arc::clone(proxy));
        }
        free
    }

    async fn create_or_replace(&self, new: &Checked) -> Result<ProxyView, Error> {
        if let Ok(existing) = self.find(&new.name) {
            if existing.stands_for(&new.listen, &new.upstream).await {
                return Ok(existing.view());
            }
            // The two may share a port, so the old one must go before the new one can listen.
            existing.disable().await;
        }
        let proxy = self.build(new)?;
        if new.enabled {
            proxy.enable().await?;
        }
        let replaced = self.lock().insert(new.name.clone(), Arc::clone(&proxy));
        if let Some(replaced) = replaced {
            replaced.retire();
        }
        Ok(proxy.view())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Proxy>>> {
        self.inner.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that nothing is missing; `place` says where, in a list.
fn check(new: NewProxy, place: &str) -> Result<Checked, Error> {
    let required = |field: Option<String>, what: &str| {
        let missing = || Error::MissingField(format!("{what}{place}"));
        field.filter(|field| !field.is_empty()).ok_or_else(missing)
    };
    let toxics = new.toxics.unwrap_or_default();
    Ok(Checked {
        name: required(new.name, "name")?,
        upstream: required(new.upstream, "upstream")?,
        listen: new.listen.unwrap_or_default(),
        enabled: new.enabled.unwrap_or(true),
        toxics,
    })
}

fn check_all(list: Vec<NewProxy>) -> Result<Vec<Checked>, Error> {
    let mut names = BTreeSet::new();
    let mut checked = Vec::with_capacity(list.len());
    for (index, new) in list.into_iter().enumerate() {
        let new = check(new, &format!(" at proxy {}", index + 1))?;
        if !names.insert(new.name.clone()) {
            return Err(Error::BadRequestBody(format!("duplicate proxy name {:?}", new.name)));
        }
        checked.push(new);
    }
    Ok(checked)
}
