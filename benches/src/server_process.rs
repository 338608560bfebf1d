//! A server that this program started: ready when it says so, stopped by its own id, waited for.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::load::http::Target;

/// A running server with one Unix and one TCP listener. Dropping it stops it.
#[derive(Debug)]
pub struct ServerProcess {
    name: &'static str,
    child: Child,
    unix: Target,
    tcp: Target,
}

impl ServerProcess {
    /// Starts `command` and waits for its two `listening on` lines. Its stderr goes to `log`.
    pub fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self> {
        let stderr = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name} ({command:?})"))?;
        let listeners = child
            .stdout
            .take()
            .context("no stdout")
            .and_then(|stdout| ready(stdout, READY_MAX));
        match listeners {
            Ok((unix, tcp)) => Ok(Self {
                name,
                child,
                unix,
                tcp,
            }),
            Err(error) => {
                let ended = stop(&mut child);
                let said = std::fs::read_to_string(log).unwrap_or_default();
                Err(error.context(format!(
                    "{name} did not start ({ended:?}); it said:\n{}",
                    tail(&said)
                )))
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its Unix socket.
    pub fn unix(&self) -> &Target {
        &self.unix
    }

    /// Its TCP listener.
    pub fn tcp(&self) -> &Target {
        &self.tcp
    }

    /// Sends SIGTERM and waits; a server that ends badly is an error, for its figures are then not to be trusted.
    pub fn stop(mut self) -> Result<()> {
        let status = stop(&mut self.child)?;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Err(error) = stop(&mut self.child) {
            eprintln!("chancery-bench: cannot stop {}: {error:#}", self.name);
        }
    }
}

/// Reads lines until both listeners are named; goes on reading in the background, so that the server never blocks.
fn ready(stdout: ChildStdout, within: Duration) -> Result<(Target, Target)> {
    let (sender, lines) = channel();
    std::thread::spawn(move || forward(stdout, &sender));
    wait_for_listeners(&lines, Instant::now() + within)
}

fn forward(stdout: ChildStdout, sender: &Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // Nobody listens any more once the server is ready; reading on is the point.
        drop(sender.send(line));
    }
}

fn wait_for_listeners(lines: &Receiver<String>, deadline: Instant) -> Result<(Target, Target)> {
    let (mut unix, mut tcp) = (None, None);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .context("no `listening on` line for each listener")?;
        match line.strip_prefix("listening on ").and_then(listener) {
            Some(target @ Target::Unix(_)) => unix = Some(target),
            Some(target @ Target::Tcp(_)) => tcp = Some(target),
            None => {}
        }
        if let (Some(unix), Some(tcp)) = (&unix, &tcp) {
            return Ok((unix.clone(), tcp.clone()));
        }
    }
}

/// `unix:PATH` or `http://ADDRESS:PORT`.
fn listener(text: &str) -> Option<Target> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Target::Unix(PathBuf::from(path)));
    }
    let address: SocketAddr = text.strip_prefix("http://")?.trim_end_matches('/').parse().ok()?;
    Some(Target::Tcp(address))
}

/// SIGTERM, then a wait, then SIGKILL; a no-op for a child that has ended.
fn stop(child: &mut Child) -> Result<ExitStatus> {
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("odd process id")?;
    kill_process(pid, Signal::TERM).context("cannot send SIGTERM")?;
    let deadline = Instant::now() + STOP_MAX;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    bail!("it did not stop within {STOP_MAX:?} of SIGTERM and was killed")
}

/// The last lines of a log.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}

const READY_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("chancery-server-{name}-{}", std::process::id()))
    }

    #[test]
    fn listeners_are_found_among_other_lines() {
        let script =
            "echo hello; echo listening on unix:/x/s; echo listening on http://127.0.0.1:81; exec sleep 60";
        let log = log("found");
        let server = ServerProcess::start("test", shell(script), &log).unwrap();
        assert!(matches!(server.unix(), Target::Unix(path) if path == Path::new("/x/s")));
        assert!(matches!(server.tcp(), Target::Tcp(address) if address.port() == 81));
        let pid = server.pid();
        // `sleep` ends by the signal: a bad end is told.
        assert!(server.stop().is_err());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_words() {
        let log = log("ends");
        let error = ServerProcess::start("test", shell("echo no disk >&2; exit 3"), &log).unwrap_err();
        assert!(format!("{error:#}").contains("no disk"));
        std::fs::remove_file(log).unwrap();
    }
}
