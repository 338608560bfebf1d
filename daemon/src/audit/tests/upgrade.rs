//! A log whose rows were encoded in two ways, one after the other: both sides of the change prove themselves.

use super::bench::{Bench, check};
use crate::audit::replay;
use crate::domain::system::AdoptRowFormat;
use crate::engine::boot::load_state;
use crate::engine::call::Work;
use crate::event::{ActorKind, RowFormat};

#[test]
fn a_row_format_is_adopted_in_one_group_and_replayed_on_both_sides() {
    let (mut bench, _) = Bench::busy();
    let before = load_state(&*bench.store).unwrap();
    let format = RowFormat::try_from(RowFormat::LATEST.number() + 1).unwrap();
    let adopt = |bench: &mut Bench| {
        let work = Work::Command(Box::new(AdoptRowFormat { format }));
        bench.run_as("chancery/AdoptRowFormat", ActorKind::System, work)
    };
    adopt(&mut bench).unwrap();

    // What a start loads is the new rows, under a digest of their own.
    let after = load_state(&*bench.store).unwrap();
    assert_eq!(
        (before.row_format(), after.row_format()),
        (RowFormat::FIRST, format)
    );
    assert_ne!(before.digest(), after.digest());
    assert_eq!(before.rows().count(), after.rows().count());

    // The sealed digests before it are over the old encoding, those after it over the new one.
    bench.regions();
    bench.close();
    let report = check(&mut bench.source());
    assert!(report.is_verified(), "{:#?}", report.problems);
    let replayed = replay(&mut bench.source(), &mut |_, _| ()).unwrap();
    assert!(replayed.is_equal(), "{replayed}");

    // Once is enough.
    adopt(&mut bench).unwrap();
    assert!(bench.last_of("chancery/AdoptRowFormat").chg.is_empty());
    assert!(check(&mut bench.source()).is_verified());
}
