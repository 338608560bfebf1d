//! The real binary, started by a test: ready when it says so, ended by its own process id, waited for.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chancery_client::Credentials;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A data directory and the daemon on it. Dropping it kills the daemon and removes the directory.
pub struct Daemon {
    home: tempfile::TempDir,
    running: Option<Running>,
    log_level: &'static str,
    environment: Vec<(&'static str, OsString)>,
    arguments: Vec<OsString>,
    /// What starts it instead of this process.
    launcher: Vec<OsString>,
}

struct Running {
    child: Child,
    tcp: SocketAddr,
    metrics: SocketAddr,
    /// Everything it printed on stdout, when it has ended.
    stdout: JoinHandle<Vec<u8>>,
}

impl Daemon {
    /// A daemon that logs at this level, started on an empty directory.
    pub fn start(log_level: &'static str) -> Self {
        // Short, since the path of a Unix socket has at most 107 bytes.
        let home = tempfile::Builder::new().prefix("chancery-").tempdir().unwrap();
        let mut daemon = Self::stopped_in(home, log_level);
        daemon.start_again();
        daemon
    }

    /// A daemon on a directory of somebody else's, with a root key of somebody else's: what a restore made.
    pub fn on(data: &Path, root_key: &Path) -> Self {
        let home = tempfile::Builder::new().prefix("chancery-").tempdir().unwrap();
        std::os::unix::fs::symlink(data, home.path().join("data")).unwrap();
        std::os::unix::fs::symlink(root_key, home.path().join("root.key")).unwrap();
        let mut daemon = Self::stopped_in(home, "warn");
        daemon.start_again();
        daemon
    }

    /// A daemon that is not started yet, on what is in `home`.
    pub const fn stopped_in(home: tempfile::TempDir, log_level: &'static str) -> Self {
        Self {
            home,
            running: None,
            log_level,
            environment: Vec::new(),
            arguments: Vec::new(),
            launcher: Vec::new(),
        }
    }

    /// Sets a variable of its environment, from the next start on.
    pub fn env(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
    }

    /// Has it started by a program that becomes it, such as `prlimit --nofile=99`, from the next start on.
    pub fn launch_by(&mut self, program: &[&str]) {
        self.launcher = program.iter().map(OsString::from).collect();
    }

    /// Adds to `serve`'s arguments, from the next start on.
    pub fn serve_with(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(OsString::from));
    }

    /// Has another command live in its environment.
    pub fn lend_environment(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Starts it again on what is there.
    pub fn start_again(&mut self) {
        if let Err((ended, said)) = self.try_start() {
            panic!("the daemon did not start ({ended}); it said:\n{said}");
        }
    }

    /// Starts it again; when it does not start, gives how it ended and what it said on stderr, ever.
    pub fn try_start(&mut self) -> Result<(), (ExitStatus, String)> {
        assert!(self.running.is_none(), "it runs already");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(self.stderr())
            .unwrap();
        let mut child = command_by(&self.launcher)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--metrics-listen",
                "127.0.0.1:0",
            ])
            .args([
                Path::new("--data"),
                &self.data(),
                Path::new("--socket"),
                &self.socket(),
            ])
            .args([Path::new("--root-key"), &self.root_key()])
            .args(&self.arguments)
            .env("CHANCERY_LOG", self.log_level)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || forward(stdout, &sender));
        let Some((tcp, metrics)) = wait_for_listeners(&lines) else {
            // It has ended already, unless it took too long.
            if wait_for(&mut child, READY_MAX / 10).is_none() {
                child.kill().unwrap();
            }
            let ended = child.wait().unwrap();
            return Err((ended, self.said()));
        };
        self.running = Some(Running {
            child,
            tcp,
            metrics,
            stdout,
        });
        Ok(())
    }

    /// What it said on stderr, over all its runs.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().child.id()
    }

    /// Waits until it has ended by itself; gives how.
    pub fn ends(&mut self) -> ExitStatus {
        let mut running = self.running.take().unwrap();
        let Some(ended) = wait_for(&mut running.child, STOP_MAX) else {
            running.child.kill().unwrap();
            running.child.wait().unwrap();
            panic!("it goes on; it said:\n{}", self.said());
        };
        running.stdout.join().unwrap();
        ended
    }

    /// SIGKILL: a crash. It need not be alive any more.
    pub fn kill(&mut self) {
        let mut running = self.running.take().unwrap();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        running.stdout.join().unwrap();
    }

    /// SIGTERM; gives what it printed on stdout. Its end must be a clean one.
    pub fn stop(&mut self) -> Vec<u8> {
        let mut running = self.running.take().unwrap();
        let pid = i32::try_from(running.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let ended = wait(&mut running.child);
        assert!(
            ended.is_some_and(|status| status.success()),
            "it ended with {ended:?}"
        );
        running.stdout.join().unwrap()
    }

    /// Runs `chancery log COMMAND … --data DIR` on the stopped directory.
    pub fn log(&self, arguments: &[&str]) -> Output {
        assert!(self.running.is_none(), "it runs");
        let mut command = command();
        command.arg("log").args(arguments).arg("--data").arg(self.data());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `chancery COMMAND … --socket SOCKET`.
    pub fn client(&self, arguments: &[&str]) -> Output {
        let mut command = command();
        command.args(arguments).arg("--socket").arg(self.socket());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `chancery log COMMAND … --data DIR`, which must say yes; gives its stdout.
    pub fn log_says_yes(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.log(arguments);
        assert!(
            output.status.success(),
            "log {arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Everything it makes is under here.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    pub fn socket(&self) -> PathBuf {
        self.home().join("s.sock")
    }

    pub fn root_key(&self) -> PathBuf {
        self.home().join("root.key")
    }

    pub fn stderr(&self) -> PathBuf {
        self.home().join("stderr")
    }

    pub fn root_access_key(&self) -> PathBuf {
        self.data().join("root-access-key.json")
    }

    /// Where it listens for TCP.
    pub fn tcp(&self) -> SocketAddr {
        self.running.as_ref().unwrap().tcp
    }

    /// Where it answers monitors.
    pub fn metrics(&self) -> SocketAddr {
        self.running.as_ref().unwrap().metrics
    }

    /// A field of the root access key's file.
    pub fn root_access_key_field(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.root_access_key()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        json[name].as_str().unwrap().to_owned()
    }

    /// The root access key.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(
            self.root_access_key_field("AccessKeyId"),
            self.root_access_key_field("AccessKeySecret"),
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
    }
}

/// The binary's command line, in an environment that points it nowhere else.
pub fn command() -> Command {
    command_by(&[])
}

fn command_by(launcher: &[OsString]) -> Command {
    let mut command = match launcher.split_first() {
        None => Command::new(binary()),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CHANCERY_") || name.starts_with("ALIBABA_CLOUD_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// `CHANCERY_BIN`, or the binary of this profile, built first so that it is never an old one.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("CHANCERY_BIN") {
        Some(named) => named.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    // This program is TARGET/PROFILE/deps/suite-HASH.
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // With the tests, so that the features, and so the dependencies, are those of this program.
    command.args(["build", "--workspace", "--bins", "--tests"]);
    command.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        command.arg("--release");
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(command.status().unwrap().success(), "{command:?}");
    profile.join("chancery")
}

/// Reads stdout to its end, so that the daemon never waits for the pipe.
fn forward(stdout: ChildStdout, sender: &Sender<String>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut reader = BufReader::new(stdout);
    loop {
        let start = all.len();
        match reader.by_ref().read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            // Nobody listens any more once the daemon is ready.
            Ok(_) => drop(sender.send(String::from_utf8_lossy(&all[start..]).trim_end().to_owned())),
        }
    }
}

/// The TCP address and the monitors', when all listeners are ready. None: it ended, or took too long.
fn wait_for_listeners(lines: &Receiver<String>) -> Option<(SocketAddr, SocketAddr)> {
    let deadline = Instant::now() + READY_MAX;
    let (mut unix, mut tcp, mut metrics) = (false, None, None);
    while !unix || tcp.is_none() || metrics.is_none() {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).ok()?;
        match line.strip_prefix("listening on ") {
            Some(where_) if where_.starts_with("unix:") => unix = true,
            Some(where_) => match where_.strip_prefix("http://")?.strip_suffix("/metrics") {
                Some(address) => metrics = Some(address.parse().ok()?),
                None => tcp = Some(where_.strip_prefix("http://")?.parse().ok()?),
            },
            None => {}
        }
    }
    tcp.zip(metrics)
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let ended = wait_for(child, STOP_MAX);
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    ended
}

fn wait_for(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + most;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        // The kernel has no wait with a limit; this is one.
        std::thread::park_timeout(Duration::from_millis(5));
    }
    None
}

const READY_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
