//! Where work with keys runs.
//!
//! Short work (symmetric, under some 100 us) runs on the caller's own thread: measured, handing it over costs more
//! than it does (25 us of CPU an operation against 27 by a pool and 31 by `spawn_blocking`). Long work (RSA, key
//! generation) would hold an async worker for as long as many short operations, so it has threads of its own behind a
//! bounded queue; a full queue answers `Busy` at once.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

/// How long a piece of work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Under some 100 us.
    Short,
    /// Longer.
    Long,
}

/// The lane is full, or the pool is stopping: the caller may try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the crypto workers are busy")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// The worker threads. Dropping the pool lets queued work finish.
pub struct Pool {
    long: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads for long work, behind a queue of at most `queue_len_max` jobs. Without a thread all
    /// long work is answered `Busy`.
    pub fn new(threads: usize, queue_len_max: usize) -> io::Result<Self> {
        let (long, jobs) = bounded::<Job>(queue_len_max);
        let threads = (0..threads)
            .map(|index| {
                let jobs = jobs.clone();
                thread::Builder::new()
                    .name(format!("crypto-{index}"))
                    .spawn(move || jobs.into_iter().for_each(|job| job()))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            long: Some(long),
            threads,
        })
    }

    /// Runs `job` where its lane runs. A panic in it reaches the caller; the thread goes on. A long job whose caller
    /// stopped waiting before it began is skipped.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let answer = match lane {
            Lane::Short => return Ok(job()),
            Lane::Long => self.submit(job)?,
        };
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_stopped) => Err(Busy),
        }
    }

    fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<thread::Result<T>>, Busy> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            if sender.is_closed() {
                return;
            }
            // A job is consumed by its panic: nothing of its half-done state can be seen again.
            let result = catch_unwind(AssertUnwindSafe(job));
            let _nobody_waits = sender.send(result);
        });
        let long = self.long.as_ref().ok_or(Busy)?;
        long.try_send(job).map_err(|_full| Busy)?;
        Ok(receiver)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without a sender the threads end when the queue is empty.
        self.long = None;
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.long.as_ref().map_or(0, Sender::len);
        write!(f, "[{} crypto threads, {queued} jobs queued]", self.threads.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender as StdSender, channel};

    use super::*;

    /// A job that says when it began and ends when it is let.
    fn gate() -> (impl FnOnce() + Send + 'static, Receiver<()>, StdSender<()>) {
        let (began, wait_began) = channel();
        let (let_end, end) = channel();
        let job = move || {
            began.send(()).unwrap();
            end.recv().unwrap();
        };
        (job, wait_began, let_end)
    }

    fn thread_id() -> thread::ThreadId {
        thread::current().id()
    }

    #[tokio::test]
    async fn short_work_runs_on_the_caller_s_thread_and_long_work_does_not() {
        let pool = Pool::new(1, 1).unwrap();
        assert_eq!(pool.run(Lane::Short, thread_id).await, Ok(thread_id()));
        assert_ne!(pool.run(Lane::Long, thread_id).await.unwrap(), thread_id());
    }

    #[tokio::test]
    async fn a_full_lane_answers_busy_and_the_other_goes_on() {
        let pool = Pool::new(1, 1).unwrap();
        let (running, began, let_end) = gate();
        let first = pool.submit(running).unwrap();
        began.recv().unwrap();
        let second = pool.submit(|| 2).unwrap();
        assert_eq!(pool.run(Lane::Long, || 3).await, Err(Busy));
        assert_eq!(pool.run(Lane::Short, || 4).await, Ok(4));
        assert_eq!(format!("{pool:?}"), "[1 crypto threads, 1 jobs queued]");

        let_end.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(pool.run(Lane::Long, || 5).await, Ok(5));
    }

    #[tokio::test]
    async fn a_panic_reaches_its_caller_and_the_thread_goes_on() {
        let pool = Arc::new(Pool::new(1, 1).unwrap());
        let calling = Arc::clone(&pool);
        let panicked = tokio::spawn(async move { calling.run(Lane::Long, || panic!("planned")).await });
        let error = panicked.await.map(|_: Result<(), Busy>| ()).unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"planned"));
        assert_eq!(pool.run(Lane::Long, || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_skipped() {
        let pool = Pool::new(1, 2).unwrap();
        let (running, began, let_end) = gate();
        let first = pool.submit(running).unwrap();
        began.recv().unwrap();
        let (ran, wait_ran) = channel();
        drop(pool.submit(move || ran.send(()).unwrap()).unwrap());
        let last = pool.submit(|| ()).unwrap();
        let_end.send(()).unwrap();
        first.await.unwrap().unwrap();
        last.await.unwrap().unwrap();
        // The job was dropped without having run: its sender is gone, and nothing was sent.
        assert!(wait_ran.recv().is_err());
    }

    #[tokio::test]
    async fn dropping_the_pool_finishes_what_is_queued() {
        let pool = Pool::new(1, 8).unwrap();
        let answers: Vec<_> = (0..8).map(|n| pool.submit(move || n).unwrap()).collect();
        drop(pool);
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap().unwrap(), n);
        }
    }
}
