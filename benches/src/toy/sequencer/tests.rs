use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::*;

fn scratch(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("chancery-toy-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    path
}

#[test]
fn answered_events_are_stored_in_order_chained_and_signed() {
    let directory = scratch("chain");
    let log = Log::open(&directory).unwrap();
    let public = log.key.public_key().as_ref().to_vec();
    let mut link = log.link;
    let (sender, queue) = bounded(QUEUE_MAX);
    let thread = std::thread::spawn(move || log.run(&queue));
    let mut positions = Vec::new();
    for n in 0..100_u8 {
        let (durable, told) = oneshot::channel();
        sender
            .send(Job {
                event: vec![n; 20],
                durable,
            })
            .unwrap();
        positions.push(told);
    }
    let positions: Vec<u64> = positions
        .into_iter()
        .map(|told| told.blocking_recv().unwrap())
        .collect();
    drop(sender);
    thread.join().unwrap().unwrap();
    assert_eq!(positions, (0..100).collect::<Vec<u64>>());

    let database = Database::builder(&directory).worker_threads(1).open().unwrap();
    let events = database
        .keyspace("events", KeyspaceCreateOptions::default)
        .unwrap();
    for n in 0..100_u8 {
        let entry = events.get(u64::from(n).to_be_bytes()).unwrap().unwrap();
        link = link_of(&link, u64::from(n), &[n; 20]).unwrap();
        assert_eq!(entry[64..96], link);
        UnparsedPublicKey::new(&ED25519, &public)
            .verify(&link, &entry[..64])
            .unwrap();
    }
    drop((events, database));
    std::fs::remove_dir_all(&directory).unwrap();
}
