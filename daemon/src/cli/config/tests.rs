use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;

const EXAMPLE: &str = include_str!("../../../packaging/chancery.example.toml");

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    serve: Arguments,
}

fn arguments(line: &str) -> Arguments {
    Line::try_parse_from(std::iter::once("serve").chain(line.split_whitespace()))
        .unwrap()
        .serve
}

fn settled(config: &str, line: &str) -> Settled {
    let config = Config::parse(config).unwrap();
    config
        .under(arguments(line), || Ok("/default.key".into()))
        .unwrap()
}

/// The example with the options behind `#` set.
fn all_set() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(option) if !option.starts_with([' ', '#']) && option.contains(" = ") => option,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `table.option` of everything that a text sets.
fn set_in(text: &str) -> BTreeSet<String> {
    let table: toml::Table = toml::from_str(text).unwrap();
    let options = table.iter().flat_map(|(name, table)| {
        let options = table.as_table().unwrap().keys();
        options.map(move |option| format!("{name}.{option}"))
    });
    options.collect()
}

/// `table.option` of everything that there is: serde names the fields of a table when it meets a stranger in it.
fn known() -> BTreeSet<String> {
    let fields = |text: &str| -> Vec<String> {
        let error = Config::parse(text).unwrap_err().message().to_owned();
        let (_, fields) = error.split_once("expected ").unwrap();
        let fields = fields.trim_start_matches("one of ");
        let quoted = fields.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    let tables = fields("stranger = 1");
    assert!(tables.len() >= 5, "{tables:?}");
    let options = tables.iter().flat_map(|table| {
        let options = fields(&format!("[{table}]\nstranger = 1"));
        options.into_iter().map(move |option| format!("{table}.{option}"))
    });
    options.collect()
}

#[test]
fn the_example_is_the_defaults() {
    let mut example = Config::parse(EXAMPLE).unwrap();
    assert_eq!(example.limits.settle(), Limits::default());
    example.limits = ServerLimits::default();
    let admission = (AdmissionLimits::default(), NonceLimits::default());
    assert_eq!(example.admission.settle(), admission);
    example.admission = AdmissionOptions::default();
    assert_eq!(example.disk.settle().unwrap(), ReserveLimits::default());
    example.disk = DiskOptions::default();
    assert_eq!(example, Config::default());
}

#[test]
fn the_example_has_every_option_there_is_and_each_set_one_counts() {
    let all = all_set();
    assert_eq!(set_in(&all), known());
    let config = Config::parse(&all).unwrap();
    assert_eq!(config.quotas.keys, Some(1000));
    assert_eq!(config.listen.metrics, Some("127.0.0.1:9464".parse().unwrap()));
}

#[test]
fn every_option_of_the_example_says_its_default() {
    let mut comment = String::new();
    for line in EXAMPLE.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push_str(text);
        } else if line.contains(" = ") {
            assert!(comment.contains("Default: "), "{line}");
            comment.clear();
        } else if line.is_empty() || line.starts_with('[') {
            comment.clear();
        }
    }
}

#[test]
fn strangers_and_wrong_values_are_refused_with_their_line() {
    for (text, line, word) in [
        ("[listen]\n\nsokcet = \"/s\"", 3, "sokcet"),
        ("[lisen]\nsocket = \"/s\"", 1, "lisen"),
        ("[quotas]\nkeys = -1", 2, "keys"),
        ("[limits]\nlocal-connections = 0", 2, "from 1 to 65535"),
        ("[limits]\nidle-seconds = 86401", 2, "from 1 to 86400"),
        ("[limits]\nhead-seconds = -1", 2, "from 1 to 3600"),
        ("[limits]\nbody-seconds = 1.5", 2, "1.5"),
        ("[admission]\ncalls-at-once = 4097", 2, "from 1 to 4096"),
        (
            "[admission]\nnonces = 9223372036854775807",
            2,
            "from 1000 to 4000000000",
        ),
        ("[disk]\nlow-mebibytes = 0", 2, "from 1 to 1048576"),
        ("[limits]\nremote-connections = 65536", 2, "65536"),
        ("[trace]\nformat = \"xml\"", 2, "xml"),
        ("[listen]\ntcp = [\n\"8200\"]", 2, "address"),
        ("[listen]\nmetrics = \"9464\"", 2, "address"),
        ("[listen]\nlocal-root = \"root\"", 2, "a uid"),
        ("[listen]\nlocal-root = 4294967296", 2, "a uid"),
        ("[data]\nregions = [\"Ä\"]", 2, "region"),
        ("[data]\ndirectory = \"/a\"\ndirectory = \"/b\"", 3, "duplicate"),
    ] {
        let error = Config::parse(text).unwrap_err().to_string();
        assert!(
            error.contains(&format!("line {line},")) && error.contains(word),
            "{text}:\n{error}"
        );
    }
}

#[test]
fn arguments_go_before_the_file_and_that_before_the_defaults() {
    let file = "
        [data]
        directory = '/file'
        regions = ['eu-1']
        [root-key]
        file = '/file.key'
        [listen]
        socket = '/file.sock'
        tcp = ['127.0.0.1:1', 'localhost:2']
        local-root = 7
        local-principals = { 1001 = 'user/alice', 1002 = 'role/deploy' }
        [quotas]
        keys = 3
        [trace]
        level = 'warn'
        format = 'json'";
    let all = settled(file, "--config f");
    assert_eq!(all.arguments.data.data, Some("/file".into()));
    assert_eq!(all.arguments.data.root_key, Some("/file.key".into()));
    assert_eq!(all.arguments.listen.socket, Some("/file.sock".into()));
    assert_eq!(all.arguments.listen.addresses.len(), 2);
    assert_eq!(all.root_uid, Some(7));
    assert_eq!(all.local_principals.keys().collect::<Vec<_>>(), [&1_001, &1_002]);
    for wrong in [
        "{ x = 'user/a' }",
        "{ 1 = 'alice' }",
        "{ 1 = 'group/a' }",
        "{ 1 = 'user/a b' }",
    ] {
        assert!(
            Config::parse(&format!("[listen]\nlocal-principals = {wrong}")).is_err(),
            "{wrong}"
        );
    }
    assert_eq!((all.level.as_str(), all.format), ("warn", LogFormat::Json));
    assert_eq!((all.quotas.keys, all.quotas.aliases), (Some(3), None));

    let over = settled(
        file,
        "--config f --data /a --root-key /a.key --socket /a.sock --listen 127.0.0.1:3 --region a-1 --no-local-root \
         --log-level debug --log-format text",
    );
    assert_eq!(over.arguments.data.data, Some("/a".into()));
    assert_eq!(over.arguments.data.root_key, Some("/a.key".into()));
    assert_eq!(over.arguments.listen.socket, Some("/a.sock".into()));
    assert_eq!(over.arguments.listen.addresses, ["127.0.0.1:3".parse().unwrap()]);
    assert_eq!(over.arguments.regions.regions, [Region::parse("a-1").unwrap()]);
    assert_eq!(over.root_uid, None);
    assert_eq!((over.level.as_str(), over.format), ("debug", LogFormat::Text));

    let tls = "[listen]\ntls = ['0.0.0.0:1']\ntls-certificate = '/c'\ntls-key = '/k'";
    let file = settled(tls, "--config f").arguments.listen;
    assert_eq!(file.tls_addresses, ["0.0.0.0:1".parse().unwrap()]);
    assert_eq!(
        (file.tls_cert, file.tls_key),
        (Some("/c".into()), Some("/k".into()))
    );
    let over = settled(
        tls,
        "--config f --tls-listen 127.0.0.1:2 --tls-cert /c2 --tls-key /k2",
    )
    .arguments
    .listen;
    assert_eq!(over.tls_addresses, ["127.0.0.1:2".parse().unwrap()]);
    assert_eq!(
        (over.tls_cert, over.tls_key),
        (Some("/c2".into()), Some("/k2".into()))
    );
    let half = Config::parse("[listen]\ntls-key = '/k'").unwrap();
    let half = half.under(arguments("--config f"), || Ok("/default.key".into()));
    assert!(matches!(half, Err(Failure::Usage(_))));

    let limits = settled("[limits]\nidle-seconds = 5\nlocal-connections = 7", "--config f").limits;
    assert_eq!((limits.idle.as_secs(), limits.local_connections), (5, 7));
    assert_eq!(limits.remote_connections, Limits::default().remote_connections);

    let bare = settled("", "");
    assert_eq!((bare.level.as_str(), bare.format), ("info", LogFormat::Text));
    assert_eq!(bare.root_uid, Some(rustix::process::geteuid().as_raw()));
    assert_eq!(bare.quotas, Quotas::default());
}

#[test]
fn the_root_key_stands_beside_the_data_only_where_nothing_is_configured() {
    assert_eq!(settled("", "--data /d").arguments.data.root_key, None);
    for line in ["--config f", "--config f --data /d"] {
        let configured = settled("", line);
        assert_eq!(
            configured.arguments.data.root_key,
            Some("/default.key".into()),
            "{line}"
        );
    }
}

#[test]
fn paths_start_at_the_file_and_a_file_that_all_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    std::fs::write(&path, "[data]\ndirectory = 'data'\nanchor = '/elsewhere/anchor'").unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.data.directory, Some(dir.path().join("data")));
    assert_eq!(config.data.anchor, Some("/elsewhere/anchor".into()));

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let Err(Failure::Usage(text)) = Config::read(&path) else {
        panic!("it was used");
    };
    assert!(text.contains("chmod o-w"), "{text}");
    assert!(matches!(
        Config::read(&dir.path().join("none")),
        Err(Failure::Usage(_))
    ));
}

// Goal: no option is read and then forgotten. Method: each number of the example's tables of limits is changed alone, and what
// is settled must be another one.
#[test]
fn every_limit_of_the_example_takes_effect() {
    let settle = |text: &str| {
        let all = settled(text, "");
        (all.limits, all.admission, all.nonces, all.reserve, all.quotas)
    };
    let example: toml::Table = toml::from_str(&all_set()).unwrap();
    let mut seen = 0;
    for table in ["limits", "admission", "disk", "quotas"] {
        for (option, value) in example[table].as_table().unwrap() {
            let changed = format!("[{table}]\n{option} = {}", value.as_integer().unwrap() + 1);
            assert_ne!(settle(&changed), settle(""), "{table}.{option}");
            seen += 1;
        }
    }
    assert_eq!(seen, 19);
}

#[test]
fn thresholds_of_the_disk_out_of_order_are_refused() {
    for text in [
        "[disk]\nlow-mebibytes = 64",
        "[disk]\nfull-mebibytes = 16",
        "[disk]\nexhausted-mebibytes = 300",
    ] {
        let config = Config::parse(text).unwrap();
        let refused = config.under(arguments(""), || Ok("/default.key".into()));
        assert!(
            matches!(refused, Err(Failure::Usage(text)) if text.contains("less than")),
            "{text}"
        );
    }
    let ordered = settled(
        "[disk]\nlow-mebibytes = 3\nfull-mebibytes = 2\nexhausted-mebibytes = 1\nreserve-mebibytes = 0",
        "",
    );
    assert_eq!((ordered.reserve.low, ordered.reserve.reserve), (3 << 20, 0));
}
