//! Every bound of the daemon, with its unit and its reason.

use std::time::Duration;

/// Largest plaintext of Encrypt, bytes (KMS API: 6 KB).
pub const PLAINTEXT_BYTES_MAX: usize = 6_144;

/// Largest ciphertext blob accepted, bytes: plaintext limit, header, nonce and tag, with room for later formats.
pub const BLOB_BYTES_MAX: usize = 8_192;

/// Largest data key, bytes (KMS API, NumberOfBytes).
pub const DATA_KEY_BYTES_MAX: usize = 1_024;

/// Largest EncryptionContext, characters as sent (KMS API, section 7.4 of the wire contract).
pub const ENCRYPTION_CONTEXT_CHARS_MAX: usize = 8_192;

/// Largest description of a key, characters (KMS API).
pub const DESCRIPTION_CHARS_MAX: usize = 8_192;

/// Largest page of a list (KMS API).
pub const PAGE_SIZE_MAX: u64 = 100;

/// Page size when the caller names none (KMS API).
pub const PAGE_SIZE_DEFAULT: u64 = 10;

/// Deletion window, days: the shortest, the longest and the default (wire contract, section 12).
pub const PENDING_WINDOW_DAYS: (u64, u64, u64) = (7, 366, 30);

/// Largest signed log entry, bytes. C2SP tlog-tiles prefixes entries with a u16 length; the margin is for later headers.
pub const ENTRY_BYTES_MAX: usize = 60_000;

/// Log keys that a log may be rotated to, in all. Each takes 53 bytes of one row, far below its limit; a rotation a week for
/// half a century is fewer.
pub const LOG_KEYS_MAX: usize = 4_096;

/// Longest reason for an epoch, bytes.
pub const REASON_BYTES_MAX: usize = 4_096;

/// Largest stored row, bytes: five versions of a policy of four-byte characters have an eighth of it; a key with a version
/// for each week of a century has it.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// Largest request body, bytes: the wire contract's 1 MiB for the whole request.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Most parameters of one request; the largest legal call (TagResources) has under 200.
pub const PARAMETERS_MAX: usize = 512;

/// Longest parameter name, bytes.
pub const PARAMETER_NAME_BYTES_MAX: usize = 128;

/// Largest group commit, events. Past 512 the fsync no longer dominates and the first caller only waits longer.
pub const GROUP_EVENTS_MAX: usize = 512;

/// Length of the queue before the writer; a full queue throttles.
pub const QUEUE_LEN_MAX: usize = 4_096;

/// A commit that takes longer, milliseconds, means that the disk does not answer: the daemon says that it is not ready.
pub const COMMIT_MILLIS_READY: u64 = 5_000;

/// How often a call is run again outside the writer when its read set changed; then the writer finishes it.
pub const RERUNS_MAX: u8 = 3;

/// How far a call's admission time may lie behind the log's head when it is sequenced, milliseconds.
pub const ADMISSION_LAG_MILLIS_MAX: u64 = 2_000;

/// How many events a query's snapshot may lie behind its place in the log; an older one is looked at again.
pub const SNAPSHOT_LAG_EVENTS_MAX: u64 = 4_096;

/// How far a request's time stamp may be off, either way, milliseconds (wire contract, section 1.8).
pub const TIMESTAMP_SKEW_MILLIS_MAX: u64 = 15 * 60 * 1_000;

/// How many nonces of one access key are remembered; at the cap further requests are throttled. Enough for 20,000 signed
/// requests a second for ever: a nonce is kept for up to 32 minutes. A million of them takes 10 to 12 MB.
pub const NONCES_PER_ACCESS_KEY_MAX: usize = 40_000_000;

/// How many nonces of all access keys are remembered, some 700 MB; at the cap further signed requests are throttled.
pub const NONCES_MAX: usize = 60_000_000;

/// Longest user agent kept in an event, bytes; the rest is cut.
pub const USER_AGENT_BYTES_MAX: usize = 128;

/// Longest recorded parameter value, bytes; longer ones are recorded by digest and length.
pub const RECORDED_VALUE_BYTES_MAX: usize = 512;

/// Refusals (before authentication) are counted into one event per source and code in this window.
pub const REFUSAL_WINDOW: Duration = Duration::from_secs(10);

/// Most (source, code) pairs counted apart in one window; the rest shares one line.
pub const REFUSAL_SOURCES_MAX: usize = 256;

/// The anchor is at most this far behind the durable head (default mode).
pub const ANCHOR_INTERVAL: Duration = Duration::from_millis(100);

/// A checkpoint is signed and kept at least once in so many events.
pub const CHECKPOINT_EVENTS: u64 = 1_024;

/// Free vault slots are provided ahead up to this many...
pub const FREE_SLOTS_TARGET: usize = 256;

/// ...as soon as fewer than this many are left.
pub const FREE_SLOTS_LOW: usize = 64;

/// A forward step of wall time against monotonic time beyond this holds irreversible timers, milliseconds.
pub const CLOCK_STEP_MILLIS_MAX: u64 = 60 * 60 * 1_000;

/// So long must the clocks agree again before held timers run, milliseconds.
pub const CLOCK_HOLD_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// A start so long after the last event holds irreversible timers too, milliseconds.
pub const QUIET_START_MILLIS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Milliseconds of a day.
pub const DAY_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// How long a connection may take to send its request head, from the head's first byte; also a TLS handshake.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to send its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be open between two requests. Longer than the pools of clients keep theirs, so that it is the
/// client who closes and no request meets a closing connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long requests in flight may take to finish when the daemon stops.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client that is turned away may take to read why.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Most connections that are being turned away; more are closed without a word.
pub const FAREWELLS_MAX: usize = 64;

/// Most open connections.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Of these, connections kept for the Unix socket, so that the network can't lock local operators out.
pub const LOCAL_CONNECTIONS_MAX: usize = 4_096;

/// Most open connections of one address: generous, for a whole network may come through one, and still not all.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 10_240;

/// Longest request target, bytes: a secret of 30,720 bytes, percent-encoded, thrice over would not be longer.
pub const REQUEST_LINE_BYTES_MAX: usize = 128 << 10;

/// Largest request head, bytes: the request line and the headers.
pub const HEAD_BYTES_MAX: usize = REQUEST_LINE_BYTES_MAX + (64 << 10);

/// Longest request target that hyper reads itself, bytes (its `MAX_URI_LEN`); longer ones are read by the listener.
pub const SHORT_TARGET_BYTES_MAX: usize = 65_534;

/// Files that the daemon needs besides its connections: store, vault, anchor, listeners, runtime.
pub const FILES_RESERVED: usize = 512;

/// Most log entries in one page of GetLogEntries.
pub const LOG_PAGE_ENTRIES_MAX: u64 = 2_048;

/// Most bytes of log entries in one page of GetLogEntries.
pub const LOG_PAGE_BYTES_MAX: usize = 1 << 20;

/// Most prepared keys kept in memory, some 600 bytes each.
pub const PREPARED_KEYS_MAX: usize = 4_096;

/// Most kept checkpoints that GetLogStatus shows, newest first.
pub const CHECKPOINTS_SHOWN_MAX: usize = 16;

/// Long crypto jobs waiting for a thread; more are throttled.
pub const LONG_JOBS_MAX: usize = 1_024;

/// Most tags of one resource (wire contract, section 9.2).
pub const TAGS_PER_RESOURCE_MAX: usize = 20;

/// Most resources in one TagResources or UntagResources.
pub const TAGGED_AT_ONCE_MAX: usize = 50;

/// Messages of a counted version are set aside in blocks of so many: a crash wastes one block at most.
pub const MESSAGES_BLOCK: u64 = 1 << 20;

/// From so many messages on, a counted version of a rotatable key is followed by a new one.
pub const MESSAGES_ROTATE: u64 = 1 << 31;

/// A counted version encrypts so many messages and no more (NIST SP 800-38D, section 8.3).
pub const MESSAGES_MAX: u64 = 1 << 32;

/// Rows in one page of ListTagResources (wire contract, section 5).
pub const TAG_ROWS_PER_PAGE: usize = 200;

/// Most accounts; each start and each listing goes over all of them.
pub const ACCOUNTS_MAX: usize = 1_024;

/// Most access keys of an account's root: the one in use, and its successor.
pub const ROOT_KEYS_MAX: usize = 2;

/// Longest name of an account, characters.
pub const ACCOUNT_NAME_CHARS_MAX: usize = 64;

/// Longest comments, screen name or mail address of a user or a group, characters (RAM contract, section 1.4).
pub const RAM_COMMENTS_CHARS_MAX: usize = 128;

/// Most users of an account (RAM contract, section 1.6, like the following).
pub const USERS_MAX: usize = 5_000;

/// Most groups of an account.
pub const GROUPS_MAX: usize = 300;

/// Most roles of an account.
pub const ROLES_MAX: usize = 1_000;

/// Most groups that a user is in.
pub const GROUPS_OF_USER_MAX: usize = 10;

/// Most access keys of a user.
pub const ACCESS_KEYS_OF_USER_MAX: usize = 2;

/// Most custom policies of an account.
pub const POLICIES_MAX: usize = 1_500;

/// Most versions of a custom policy.
pub const POLICY_VERSIONS_MAX: usize = 5;

/// Most policies attached to one user, group or role: system and custom ones, counted apart.
pub const ATTACHED_MAX: (usize, usize) = (20, 10);

/// Refused operations of one principal in a row; each is an event of some 500 bytes.
pub const REFUSED_BURST: u32 = 1_000;

/// Refused operations of one principal a second after that: at most some 2 GB of log a day.
pub const REFUSED_PER_SECOND: u32 = 50;

/// Calls of one principal under way at once: half the queue, so that another principal always finds a place in it.
pub const CALLS_AT_ONCE_MAX: usize = QUEUE_LEN_MAX / 2;

/// Most principals told apart at admission; further users, roles and local users who are nobody share one line.
pub const PRINCIPALS_TOLD_APART_MAX: usize = 4_096;

/// Free bytes below which work with keys is refused: the store needs room to compact what it has.
pub const DISK_LOW_BYTES: u64 = 256 << 20;

/// Free bytes below which the reserve is released; two of the largest groups still fit.
pub const DISK_FULL_BYTES: u64 = 64 << 20;

/// Free bytes below which, with the reserve released, nothing is recorded any more but the daemon's own doing.
pub const DISK_EXHAUSTED_BYTES: u64 = 16 << 20;

/// Bytes set aside for a full disk: some 100,000 refusals and disablings.
pub const DISK_RESERVE_BYTES: u64 = 64 << 20;

/// Longest description in RAM, characters (RAM contract, section 1.4).
pub const RAM_DESCRIPTION_CHARS_MAX: usize = 1_024;

/// Longest policy, characters (RAM contract, section 1.4).
pub const POLICY_CHARS_MAX: usize = 6_144;

/// Longest trust policy, characters (authorization contract, section 1.6).
pub const TRUST_POLICY_CHARS_MAX: usize = 2_048;

/// Longest session policy, characters (STS contract, section 4.1).
pub const SESSION_POLICY_CHARS_MAX: usize = 2_048;

/// Longest policy of a key, bytes (wire contract, section 9.4).
pub const KEY_POLICY_BYTES_MAX: usize = 32_768;

/// Shortest session, seconds (STS contract, section 4.1).
pub const SESSION_SECONDS_MIN: u64 = 900;

/// How long a session lasts when nobody says, and the least that a role may set as its longest, seconds.
pub const SESSION_SECONDS_DEFAULT: u64 = 3_600;

/// Longest session that a role may set, seconds.
pub const SESSION_SECONDS_MAX: u64 = 43_200;

/// Length of an ExternalId, characters (STS contract, section 4.1).
pub const EXTERNAL_ID_CHARS: std::ops::RangeInclusive<usize> = 2..=1_224;

/// Rows of a page of RAM's ListTagResources when nobody says.
pub const RAM_TAG_ROWS_DEFAULT: u64 = 20;

/// Items of a page of RAM's lists when nobody says (RAM contract, section 1.5).
pub const MAX_ITEMS_DEFAULT: u64 = 100;

/// Most items of a page of RAM's lists.
pub const MAX_ITEMS_MAX: u64 = 1_000;

/// Most principals, and most single documents, whose compiled policies are kept.
pub const COMPILED_POLICIES_MAX: usize = 4_096;

/// Most deciding statements that an event names, all checks together; each check names at least one.
pub const STATEMENTS_RECORDED_MAX: usize = 64;

/// Most bytes of condition values that a request may bring, names included: they stand in its event.
pub const CONDITIONS_BYTES_MAX: usize = 24_000;

/// Most checks of one simulation: principals times actions times resources. Each takes some 100 microseconds.
pub const SIMULATED_CHECKS_MAX: usize = 4_096;

/// Most text that one simulation answers with, bytes.
pub const SIMULATED_BYTES_MAX: usize = 16 << 20;

/// Most documents that one simulation is given for its principal.
pub const SIMULATED_POLICIES_MAX: usize = 10;

/// Decisions remembered, some 500 bytes each.
pub const DECISIONS_REMEMBERED: usize = 16_384;

/// Most statements in all compiled policies of principals, and as many in those of single documents, when something is added; some
/// 2 KB each. In between each set may grow by what follows.
pub const COMPILED_STATEMENTS_MAX: usize = 50_000;

/// A set keeps slices of so many statements for each that it has...
pub const SLICED_STATEMENTS_PER_STATEMENT: usize = 2;

/// ...and of so many whatever its size: a few statements are asked about many resources.
pub const SLICED_STATEMENTS_ALWAYS: usize = 64;

/// Most sessions of one role at a time.
pub const SESSIONS_PER_ROLE_MAX: usize = 4_096;

/// Most records in one page of GetVault: half a mebibyte.
pub const VAULT_PAGE_RECORDS_MAX: u64 = 4_096;

/// Entries in a full segment of a backup...
pub const BACKUP_SEGMENT_ENTRIES: u64 = 4_096;

/// ...and the most bytes of entries with their lengths, so that one fits memory many times over.
pub const BACKUP_SEGMENT_BYTES: usize = 8 << 20;

/// Largest sealed segment, bytes: entries that do not compress, and what sealing adds.
pub const BACKUP_SEGMENT_OBJECT_BYTES_MAX: u64 = 16 << 20;

/// Largest copy of a vault in a backup, bytes: four million slots.
pub const BACKUP_VAULT_BYTES_MAX: u64 = 512 << 20;

/// Largest manifest of a backup, bytes: some 200 a segment, 300,000 segments, more than a thousand million events.
pub const BACKUP_MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Most objects looked at where backups are kept.
pub const BACKUP_OBJECTS_MAX: usize = 2_000_000;

/// Most keys that a backup is sealed to.
pub const BACKUP_RECIPIENTS_MAX: usize = 32;

/// Most changes in one event of a restore; each takes some 300 bytes at the most.
pub const RESTORE_CHANGES_MAX: usize = 100;
