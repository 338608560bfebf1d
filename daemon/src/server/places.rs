//! The places for connections, how room is made for one more, and the word to those for whom there is none.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::watch::Watch;
use crate::base::limits;

/// The places for connections of one kind (I3).
#[derive(Debug, Clone)]
pub(super) struct Places {
    open: Arc<Semaphore>,
    count: u32,
    turned_away: Arc<Semaphore>,
    seated: Arc<Seated>,
}

/// Who has a place.
#[derive(Debug, Default)]
struct Seated {
    watches: Mutex<HashMap<u64, Arc<Watch>>>,
    next: AtomicU64,
}

/// What a connection gets when it comes.
pub(super) enum Place {
    /// A place.
    Taken(Seat),
    /// None, and somebody to tell so.
    None(OwnedSemaphorePermit),
    /// Not even that.
    NoneAndBusy,
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Seat {
    _permit: OwnedSemaphorePermit,
    id: u64,
    watch: Arc<Watch>,
    seated: Arc<Seated>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self {
            open: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            turned_away: Arc::new(Semaphore::new(limits::FAREWELLS_MAX)),
            seated: Arc::default(),
        }
    }

    pub(super) fn take(&self) -> Place {
        match Arc::clone(&self.open).try_acquire_owned() {
            Ok(permit) => Place::Taken(self.seat(permit)),
            Err(_) => self.none(),
        }
    }

    /// No place, whether or not there is one.
    pub(super) fn none(&self) -> Place {
        let busy = Arc::clone(&self.turned_away).try_acquire_owned().ok();
        busy.map_or(Place::NoneAndBusy, Place::None)
    }

    /// Has the connection that has been idle longest leave, and waits for its place.
    pub(super) async fn make_room(&self) -> Option<Seat> {
        let idle_longest = {
            let watches = self.seated.watches.lock();
            let idle = watches
                .values()
                .filter_map(|watch| Some((watch.idle_since()?, watch)));
            idle.min_by_key(|(since, _)| *since)
                .map(|(_, watch)| Arc::clone(watch))
        };
        idle_longest?.leave();
        let place = Arc::clone(&self.open).acquire_owned();
        let permit = tokio::time::timeout(limits::FAREWELL_TIMEOUT, place)
            .await
            .ok()?
            .ok()?;
        Some(self.seat(permit))
    }

    fn seat(&self, permit: OwnedSemaphorePermit) -> Seat {
        let (id, watch) = (
            self.seated.next.fetch_add(1, Ordering::Relaxed),
            Arc::new(Watch::new()),
        );
        self.seated.watches.lock().insert(id, Arc::clone(&watch));
        Seat {
            _permit: permit,
            id,
            watch,
            seated: Arc::clone(&self.seated),
        }
    }

    /// Waits until every connection has ended.
    pub(super) async fn ended(&self) {
        let _all = self.open.acquire_many(self.count).await;
    }
}

impl Seat {
    /// Where the connection notes what it is at.
    pub(super) const fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seated.watches.lock().remove(&self.id);
    }
}

/// How many connections each address has. An IPv6 customer has a whole /64: it is one address here.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// A connection of an address; dropping it is its end.
#[derive(Debug)]
pub(super) struct OfAddress {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Counts a connection of `address`, if it has fewer than `most`.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<OfAddress> {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        };
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        // Who is at the limit is in the map for other connections: no entry is left behind.
        (*count < most).then(|| {
            *count += 1;
            OfAddress {
                addresses: Arc::clone(self),
                address,
            }
        })
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::watch::Phase;
    use super::*;

    #[test]
    fn an_address_has_its_share_and_a_network_of_ipv6_is_one() {
        let addresses = Arc::new(Addresses::default());
        let enter = |text: &str| addresses.enter(text.parse().unwrap(), 2);
        let held = [enter("10.0.0.1").unwrap(), enter("::ffff:10.0.0.1").unwrap()];
        assert!(enter("10.0.0.1").is_none());
        let other = enter("10.0.0.2").unwrap();
        let network = [enter("2001:db8::1").unwrap(), enter("2001:db8::ffff").unwrap()];
        assert!(enter("2001:db8::2").is_none());
        assert!(enter("2001:db8:0:1::2").is_some());
        drop(held);
        assert!(enter("10.0.0.1").is_some());
        drop((other, network));
        assert!(addresses.0.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_idle_longest_makes_room_and_one_at_work_does_not() {
        let places = Places::new(3);
        let seats: Vec<Seat> = (0..3)
            .map(|_| match places.take() {
                Place::Taken(seat) => seat,
                Place::None(_) | Place::NoneAndBusy => panic!("no place"),
            })
            .collect();
        seats[0].watch().enter(Phase::Work);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        seats[1].watch().enter(Phase::Idle);
        assert!(matches!(places.take(), Place::None(_)));
        // It stays, though it was told to go: nobody waits for it for ever.
        assert!(places.make_room().await.is_none());
        let leaving: Vec<bool> = seats.iter().map(|seat| seat.watch().is_to_leave()).collect();
        assert_eq!(leaving, [false, false, true]);
        let mut seats = seats;
        let room = async {
            tokio::task::yield_now().await;
            drop(seats.remove(1));
        };
        let (seat, ()) = tokio::join!(places.make_room(), room);
        assert!(seat.is_some());
        seats[0].watch().enter(Phase::Head);
        drop(seat);
        assert!(matches!(places.take(), Place::Taken(_)));
    }
}
