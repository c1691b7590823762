//! The gateways a name stands for.
//!
//! Comes in: a host name, asked again and again, and who answers at its addresses. Goes out: a connection to each address
//! in turn, or to whoever is asked for. A gateway that did not answer is passed over for a moment, unless there is no
//! other. Must not send anything.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crds::config::ClientTls;
use tokio::{sync::Notify, time::Instant};
use tonic::transport::{Channel, Endpoint};

use super::secure::Secure;
use crate::{
    client_tls::{Client, TlsError},
    errand::Choose,
    id::Keeper,
};

/// How often the name is asked for. Kubernetes' DNS lets an address be cached for 5 s by default.
const REFRESH: Duration = Duration::from_secs(5);

/// Pause while the name cannot be resolved, and after a failure before the name is asked again.
const REFRESH_SOON: Duration = Duration::from_millis(200);

/// How long a gateway that did not answer is passed over.
const AVOID: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A sign of life on idle connections: a gateway that vanished without a word is noticed within the sum.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// The known gateways; clones share them.
#[derive(Clone, Debug)]
pub struct Peers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `host:port`.
    name: String,
    secure: Option<Secure>,
    peers: RwLock<Vec<Peer>>,
    turn: AtomicUsize,
    look_again: Notify,
    is_missed: AtomicBool,
}

/// One address, and who was there last.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub channel: Channel,
    pub who: Who,
    avoid_until: Option<Instant>,
}

/// Who answers at an address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Who {
    /// Nobody has answered yet.
    #[default]
    Stranger,
    /// One that knows no delivery again.
    Forgetful,
    Keeper(Keeper),
}

impl Peer {
    /// Whether it did not answer a moment ago.
    pub fn is_avoided(&self) -> bool {
        self.avoid_until.is_some_and(|until| until > Instant::now())
    }
}

impl Peers {
    /// The gateways behind `http://host:port`, or `https://`; none are known until [`Self::watch`] runs.
    ///
    /// # Errors
    /// There is no name by which gateways could be known.
    pub fn new(endpoint: &str, tls: Option<&ClientTls>) -> Result<Self, TlsError> {
        let is_secure = endpoint.starts_with("https://");
        let authority = endpoint.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let name = if has_port { authority.to_owned() } else { format!("{authority}:4317") };
        let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
        let secure = is_secure.then(|| Secure::new(host, Client::new(tls))).transpose()?;
        let (peers, turn, look_again) = (RwLock::default(), AtomicUsize::new(0), Notify::new());
        let is_missed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { name, secure, peers, turn, look_again, is_missed }) })
    }

    /// Keeps the list true, for ever.
    pub async fn watch(self) {
        loop {
            let pause = match tokio::net::lookup_host(&self.shared.name).await {
                Ok(addresses) => {
                    self.set(addresses.collect());
                    REFRESH
                }
                Err(error) => {
                    tracing::debug!(name = self.shared.name, %error, "cannot resolve the gateway's name");
                    REFRESH_SOON
                }
            };
            let _ = tokio::time::timeout(pause, self.shared.look_again.notified()).await;
            tokio::time::sleep(REFRESH_SOON).await;
        }
    }

    /// The gateway whose turn it is.
    pub fn next(&self) -> Option<Peer> {
        self.next_of(|_| true)
    }

    /// The same of those of whom is known who they are.
    pub fn next_acquaintance(&self) -> Option<Peer> {
        self.next_of(|peer| peer.who != Who::Stranger)
    }

    fn next_of(&self, is_meant: impl Fn(&Peer) -> bool) -> Option<Peer> {
        let peers = self.peers();
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..peers.len()).map(|offset| &peers[(turn + offset) % peers.len()]);
        let meant = || in_turn().filter(|peer| is_meant(peer));
        meant().find(|peer| !peer.is_avoided()).or_else(|| meant().next()).cloned()
    }

    /// Where a gateway is. One that is missed may be where another was.
    pub fn find(&self, keeper: Keeper) -> Option<Peer> {
        let found = self.peers().iter().find(|peer| peer.who == Who::Keeper(keeper)).cloned();
        if found.is_none() {
            self.shared.is_missed.store(true, Ordering::Relaxed);
        }
        found
    }

    /// Whether a gateway was missed since somebody asked.
    pub fn take_missed(&self) -> bool {
        self.shared.is_missed.swap(false, Ordering::Relaxed)
    }

    /// Those who have to be asked who they are; or everybody, whoever they were.
    pub fn to_be_met(&self, is_everybody: bool) -> Vec<Peer> {
        let is_meant = |peer: &&Peer| (is_everybody || peer.who == Who::Stranger) && !peer.is_avoided();
        self.peers().iter().filter(is_meant).cloned().collect()
    }

    /// Somebody has answered at an address.
    pub fn met(&self, address: SocketAddr, who: Who) {
        let is_news = |peer: &Peer| peer.address == address && peer.who != who;
        if self.peers().iter().any(is_news) {
            let mut peers = self.shared.peers.write().unwrap_or_else(PoisonError::into_inner);
            peers.iter_mut().filter(|peer| is_news(peer)).for_each(|peer| peer.who = who);
        }
    }

    fn peers(&self) -> RwLockReadGuard<'_, Vec<Peer>> {
        self.shared.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a gateway over for a moment and asks for the name again.
    pub fn avoid(&self, address: SocketAddr) {
        let mut peers = self.shared.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.iter_mut().find(|peer| peer.address == address) {
            peer.avoid_until = Some(Instant::now() + AVOID);
        }
        self.shared.look_again.notify_one();
    }

    /// How many gateways are known.
    pub fn count(&self) -> usize {
        self.peers().len()
    }

    /// Connections to addresses that are still there are kept.
    pub(super) fn set(&self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable();
        addresses.dedup();
        let mut peers = self.shared.peers.write().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::take(&mut *peers);
        *peers = addresses
            .into_iter()
            .filter_map(|address| {
                known
                    .iter()
                    .find(|peer| peer.address == address)
                    .cloned()
                    .or_else(|| connect(address, self.shared.secure.as_ref()))
            })
            .collect();
    }
}

/// Deliveries are kept for gateways that are there, in turn.
impl Choose for Peers {
    fn choose(&self) -> Option<Keeper> {
        match self.next_of(|peer| matches!(peer.who, Who::Keeper(_)) && !peer.is_avoided())?.who {
            Who::Keeper(keeper) => Some(keeper),
            Who::Stranger | Who::Forgetful => None,
        }
    }
}

/// A connection that comes about when it is first used, and again whenever it breaks.
fn connect(address: SocketAddr, secure: Option<&Secure>) -> Option<Peer> {
    // TLS, where there is any, is below: what tonic sees is HTTP/2 over a stream.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .keep_alive_while_idle(true);
    let channel = match secure {
        Some(secure) => endpoint.connect_with_connector_lazy(secure.towards(address)),
        None => endpoint.connect_lazy(),
    };
    Some(Peer { address, channel, who: Who::default(), avoid_until: None })
}
