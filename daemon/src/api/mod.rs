//! The protocol: bytes in, one authenticated call, bytes out. And THE table of operations.
//!
//! I1  A request is refused (`Refused`, a catalogue code, counted) or becomes a call (recorded, whatever its outcome).
//! I2  A response to a call can be made from an `Answered` alone, whose event is durable (law 1).
//! I3  Nothing of a request is recorded but what the operation's row allows; all else by name and length (law 4).
//! I4  One table of operations drives the server, the command line and its help.
//!
//! Never: touches state, keys or the log; it reaches the rest through `engine` alone.

pub mod authenticate;
pub mod figures;
pub mod front;
mod known;
pub mod nonce;
pub mod operations;
pub mod params;
pub mod record;
pub mod render;
pub mod response;
pub mod signature;
pub mod table;
mod temporary;
pub mod wire;

pub use authenticate::{Listener, Peer};
pub use front::{About, Front, Settings};
pub use response::WireResponse;
pub use wire::WireRequest;
