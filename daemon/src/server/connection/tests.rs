use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::server::body;

/// Answers with what it got: method, path and query, and how long the body is.
struct Echo {
    body_time: Duration,
    stop: Arc<Stop>,
}

impl Service for Echo {
    async fn answer(
        &self,
        request: Request<Incoming>,
        query: Option<LongQuery>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let by_listener = query.is_some();
        let query = query.as_ref().map(LongQuery::as_str).or(head.uri.query());
        let query = query.unwrap_or_default();
        let mut is_last = false;
        let said = match body::read(body, self.body_time, &self.stop).await {
            Ok(body) => format!(
                "{} {} [{}:{}] {by_listener} {}\n",
                head.method,
                head.uri.path(),
                query.len(),
                query.chars().last().unwrap_or(' '),
                body.as_slice().len()
            ),
            Err(_) => {
                is_last = true;
                "no body\n".to_owned()
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(said)));
        if is_last {
            let close = hyper::header::HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Ok(response)
    }

    fn refuse(&self, code: Code) -> Vec<u8> {
        format!("HTTP/1.1 {} no\r\n\r\n{code:?}", code.status()).into_bytes()
    }
}

/// The other end of a served connection with these limits, and the task that serves it. Time is paused: it passes only
/// when nothing else can happen.
fn connect(limits: &Limits, pipe: usize) -> (DuplexStream, JoinHandle<()>, Arc<Stop>) {
    let (ours, theirs) = duplex(pipe);
    let (limits, stop) = (limits.clone(), Arc::new(Stop::default()));
    let heard = Arc::clone(&stop);
    let served = tokio::spawn(async move {
        let echo = Arc::new(Echo {
            body_time: limits.body,
            stop: Arc::clone(&heard),
        });
        serve(theirs, echo, &limits, &heard, Arc::new(Watch::new())).await;
    });
    (ours, served, stop)
}

/// Reads until the answer's line has come.
async fn line(stream: &mut DuplexStream) -> String {
    let mut all = Vec::new();
    let mut byte = [0];
    let mut head_ended = false;
    loop {
        let read = stream.read(&mut byte).await.unwrap();
        assert_eq!(read, 1, "it ended: {}", String::from_utf8_lossy(&all));
        all.push(byte[0]);
        if all.ends_with(b"\r\n\r\n") {
            head_ended = true;
            all.clear();
        } else if head_ended && byte[0] == b'\n' {
            return String::from_utf8(all).unwrap().trim_end().to_owned();
        }
    }
}

async fn all(stream: &mut DuplexStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    String::from_utf8(all).unwrap()
}

fn get(query: usize) -> String {
    format!("GET /?{}b HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(query - 1))
}

fn post(query: usize, body: usize) -> String {
    format!(
        "POST /?{}b HTTP/1.1\r\nHost: h\r\nContent-Length: {body}\r\n\r\n{}",
        "a".repeat(query - 1),
        "c".repeat(body)
    )
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_far_longer_than_a_head_may_take() {
    let limits = Limits::default();
    let (mut client, served, _stop) = connect(&limits, 1 << 16);
    for (query, body) in [(5, 0), (5, 60_000), (90_000, 60_000), (5, 0)] {
        tokio::time::advance(limits.idle - Duration::from_secs(1)).await;
        client.write_all(post(query, body).as_bytes()).await.unwrap();
        let answer = line(&mut client).await;
        assert_eq!(answer, format!("POST / [{query}:b] {} {body}", query > 65_532));
    }
    // And then it ends, when its time is up and not before.
    let from = Instant::now();
    assert_eq!(all(&mut client).await, "");
    let took = from.elapsed();
    assert!(
        took >= limits.idle && took < limits.idle + Duration::from_secs(1),
        "{took:?}"
    );
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_head_runs_from_its_first_byte_and_is_not_renewed() {
    let limits = Limits::default();
    for already in [0, 2] {
        let (mut client, served, _stop) = connect(&limits, 1 << 16);
        for _ in 0..already {
            client.write_all(get(5).as_bytes()).await.unwrap();
            line(&mut client).await;
        }
        tokio::time::advance(limits.idle / 2).await;
        let from = Instant::now();
        let mut sent = 0;
        for byte in get(500).bytes() {
            if client.write_all(&[byte]).await.is_err() {
                break;
            }
            sent += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // It is told why, and has a little time to read it.
        let told = all(&mut client).await;
        assert!(told.ends_with("UnparsableRequest"), "{told}");
        assert!(
            from.elapsed() <= limits.head + limits::FAREWELL_TIMEOUT + Duration::from_secs(2),
            "{:?}",
            from.elapsed()
        );
        assert!(sent >= 9, "{sent} bytes");
        served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_refused_and_a_slow_reader_let_go() {
    let limits = Limits::default();
    let (mut client, served, _stop) = connect(&limits, 1 << 16);
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        .await
        .unwrap();
    let from = Instant::now();
    assert_eq!(line(&mut client).await, "no body");
    assert!(from.elapsed() <= limits.body + Duration::from_secs(1));
    drop(client);
    served.await.unwrap();

    // Ten bytes of room, and nobody reads.
    let (mut client, served, _stop) = connect(&limits, 10);
    let from = Instant::now();
    client.write_all(get(5).as_bytes()).await.unwrap();
    served.await.unwrap();
    assert!(from.elapsed() >= limits.write && from.elapsed() <= limits.write + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn targets_of_every_length_up_to_the_limit_are_answered_on_one_connection() {
    let (mut client, _served, _stop) = connect(&Limits::default(), 1 << 13);
    for query in [
        1,
        10_000,
        40_000,
        65_531,
        65_532,
        65_533,
        65_534,
        92_160,
        limits::REQUEST_LINE_BYTES_MAX - 2,
    ] {
        let by_listener = query + 2 > limits::SHORT_TARGET_BYTES_MAX;
        client.write_all(get(query).as_bytes()).await.unwrap();
        assert_eq!(
            line(&mut client).await,
            format!("GET / [{query}:b] {by_listener} 0")
        );
        for body in [0, 3, 100_000] {
            let sent = client.write_all(post(query, body).as_bytes()).await;
            assert!(sent.is_ok(), "{query}, {body}: {}", all(&mut client).await);
            assert_eq!(
                line(&mut client).await,
                format!("POST / [{query}:b] {by_listener} {body}")
            );
        }
    }
}

/// Several requests at once, long and short, in one pipe: each gets its own query and body, in order, whatever the pieces.
#[tokio::test(start_paused = true)]
async fn pipelined_requests_keep_their_order_and_their_queries() {
    for pipe in [100, 8_192, 1 << 20] {
        let (client, _served, _stop) = connect(&Limits::default(), pipe);
        let requests = [
            (5, 0),
            (90_000, 40_000),
            (70_000, 3),
            (66_000, 0),
            (7, 50_000),
            (100_000, 0),
            (8, 1),
        ];
        let sent: String = requests.iter().map(|(query, body)| post(*query, *body)).collect();
        let (mut read, mut write) = tokio::io::split(client);
        let writing = tokio::spawn(async move {
            write.write_all(sent.as_bytes()).await.unwrap();
            write
        });
        let mut answers = String::new();
        while answers.matches('[').count() < requests.len() {
            let mut piece = [0; 1_024];
            let len = read.read(&mut piece).await.unwrap();
            assert!(len > 0, "it ended after {answers}");
            answers.push_str(std::str::from_utf8(&piece[..len]).unwrap());
        }
        let _open = writing.await.unwrap();
        let bodies: Vec<&str> = answers
            .lines()
            .filter(|line| line.starts_with("POST / ["))
            .collect();
        for ((query, body), answer) in requests.iter().zip(&bodies) {
            let by_listener = query + 2 > limits::SHORT_TARGET_BYTES_MAX;
            assert_eq!(
                *answer,
                format!("POST / [{query}:b] {by_listener} {body}"),
                "pipe of {pipe}"
            );
        }
        assert_eq!(bodies.len(), requests.len(), "pipe of {pipe}: {answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_without_an_end_is_refused_and_one_that_stops_is_let_go() {
    let limits = Limits::default();
    let (mut client, served, _stop) = connect(&limits, 1 << 20);
    client
        .write_all(&vec![b'a'; limits::HEAD_BYTES_MAX * 2])
        .await
        .unwrap();
    let answer = all(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    served.await.unwrap();

    let (mut client, served, _stop) = connect(&limits, 1 << 20);
    client.write_all(&get(90_000).as_bytes()[..80_000]).await.unwrap();
    let from = Instant::now();
    let told = all(&mut client).await;
    assert!(told.ends_with("UnparsableRequest"), "{told}");
    assert!(
        from.elapsed() <= limits.head + Duration::from_secs(1),
        "{:?}",
        from.elapsed()
    );
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_idle_connection_at_once() {
    let (mut client, served, stop) = connect(&Limits::default(), 1 << 16);
    client.write_all(get(5).as_bytes()).await.unwrap();
    line(&mut client).await;
    let from = Instant::now();
    stop.begin();
    assert_eq!(all(&mut client).await, "");
    served.await.unwrap();
    assert!(from.elapsed() < Duration::from_secs(1));
}

/// A body that was refused unread must not become a request, however much like a long head it looks.
#[tokio::test(start_paused = true)]
async fn what_follows_a_refused_body_is_not_read_as_a_request() {
    let (client, served, _stop) = connect(&Limits::default(), 1 << 12);
    let sent = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}",
        limits::BODY_BYTES_MAX + 1,
        get(90_000)
    );
    let (mut read, mut write) = tokio::io::split(client);
    let writing = tokio::spawn(async move {
        let _closed = write.write_all(sent.as_bytes()).await;
    });
    let mut answers = String::new();
    read.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.ends_with("no body\n"), "{answers}");
    writing.await.unwrap();
    served.await.unwrap();
}

/// hyper answers these by itself, with an empty body; what the client gets is the service's refusal, once.
#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused_by_the_service() {
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    let long = format!(
        "GET / HTTP/1.1\r\n{}\r\n",
        format!("A: {}\r\n", "b".repeat(8_000)).repeat(20)
    );
    for (sent, code) in [
        ("NO REQUEST AT ALL\r\n\r\n", "UnparsableRequest"),
        ("GET / HTTP/1.1\r\nno header\r\n\r\n", "UnparsableRequest"),
        ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "UnparsableRequest"),
        (&many, "RequestTooLarge"),
        (&long, "RequestTooLarge"),
    ] {
        for before in [0, 2] {
            let (mut client, served, _stop) = connect(&Limits::default(), 1 << 20);
            for _ in 0..before {
                client.write_all(post(5, 3).as_bytes()).await.unwrap();
                line(&mut client).await;
            }
            client.write_all(sent.as_bytes()).await.unwrap();
            let told = all(&mut client).await;
            assert!(
                told.starts_with("HTTP/1.1 4") && told.ends_with(code),
                "{sent:.40}: {told}"
            );
            assert_eq!(told.matches("HTTP/1.1 ").count(), 1, "{sent:.40}: {told}");
            drop(client);
            served.await.unwrap();
        }
    }
}

/// Also in one packet with a request before it, which is answered first.
#[tokio::test(start_paused = true)]
async fn what_follows_a_request_and_is_none_is_refused_after_its_answer() {
    let (mut client, _served, _stop) = connect(&Limits::default(), 1 << 16);
    let sent = format!("{}NO REQUEST AT ALL\r\n\r\n", get(5));
    client.write_all(sent.as_bytes()).await.unwrap();
    let told = all(&mut client).await;
    let (answer, refusal) = (told.find("GET / [5:b]"), told.find("UnparsableRequest"));
    assert!(answer.is_some() && answer < refusal, "{told}");
}

/// A stop waits neither for the rest of a head nor for the rest of a body; who was sending is told to come again.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_half_a_request() {
    let (long_head, body) = (get(90_000), post(5, 100));
    for (sent, told) in [
        (&get(50)[..20], "Unavailable"),
        (&long_head[..80_000], "Unavailable"),
        (&body[..body.len() - 1], "no body\n"),
    ] {
        let (mut client, served, stop) = connect(&Limits::default(), 1 << 20);
        client.write_all(sent.as_bytes()).await.unwrap();
        // Until all of it was taken.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let from = Instant::now();
        stop.begin();
        let heard = all(&mut client).await;
        assert!(heard.ends_with(told), "{heard}");
        drop(client);
        served.await.unwrap();
        assert!(from.elapsed() < Duration::from_secs(1), "{:?}", from.elapsed());
    }
}

/// A client that writes all before it reads gets its answer: the server goes on taking what it will not use.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_requests_end_reaches_who_is_still_sending() {
    let too_large = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}",
        limits::BODY_BYTES_MAX + 1,
        "c".repeat(limits::BODY_BYTES_MAX + 1)
    );
    let endless = get(limits::HEAD_BYTES_MAX * 2);
    for (sent, told) in [(too_large, "no body\n"), (endless, "RequestTooLarge")] {
        let (mut client, served, _stop) = connect(&Limits::default(), 1 << 12);
        client.write_all(sent.as_bytes()).await.unwrap();
        let heard = all(&mut client).await;
        assert!(heard.ends_with(told), "{heard}");
        drop(client);
        served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_makes_room_finishes_its_request_first() {
    let (mut client, theirs) = duplex(1 << 16);
    let (watch, stop) = (Arc::new(Watch::new()), Arc::new(Stop::default()));
    let served = tokio::spawn({
        let (watch, stop) = (Arc::clone(&watch), Arc::clone(&stop));
        async move {
            let limits = Limits::default();
            let echo = Arc::new(Echo {
                body_time: limits.body,
                stop: Arc::clone(&stop),
            });
            serve(theirs, echo, &limits, &stop, watch).await;
        }
    });
    client.write_all(get(5).as_bytes()).await.unwrap();
    line(&mut client).await;
    assert!(watch.idle_since().is_some());
    let request = post(5, 10);
    let (first, rest) = request.split_at(request.len() - 5);
    client.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(watch.idle_since().is_none());
    watch.leave();
    client.write_all(rest.as_bytes()).await.unwrap();
    assert!(all(&mut client).await.ends_with("POST / [5:b] false 10\n"));
    served.await.unwrap();
}
