//! The collector restarts while its sockets are held by the service manager: nobody is refused, nothing is lost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, ensure};
use rustix::io::{FdFlags, fcntl_setfd};
use vong_tests::account::Account;
use vong_tests::pc::{Disk, Pc};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::{LONG, Stack};
use vong_tests::world::Writer;

const PAUSE_MS: u32 = 20;
/// One after each restart; a collector that takes long to start may cost each agent another.
const TRIES_MAX: usize = 6;
const LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(200);

/// How the collector ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    InOrder,
    Killed,
}

/// What a service manager does: it holds the sockets and hands them to each collector.
fn hold_sockets(stack: &mut Stack) -> anyhow::Result<[TcpListener; 2]> {
    let web: u16 = stack.web().rsplit(':').next().context("a port")?.parse()?;
    let sockets = [
        TcpListener::bind(("127.0.0.1", stack.intake_port()))?,
        TcpListener::bind(("127.0.0.1", web))?,
    ];
    for socket in &sockets {
        fcntl_setfd(socket, FdFlags::empty())?;
    }
    let descriptors = sockets.each_ref().map(|socket| socket.as_raw_fd().to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/inherit.py");
    stack.collector_launcher = vec![
        "python3".into(),
        script.into(),
        "intake:web".into(),
        descriptors.join(":").into(),
    ];
    Ok(sockets)
}

/// Ends the collector, connects while there is none, starts it again, and is answered.
fn restart(stack: &mut Stack, end: End) -> anyhow::Result<()> {
    let mut collector = stack.collector.take().context("the collector runs")?;
    match end {
        End::InOrder => drop(collector.stop()?),
        End::Killed => drop(collector.kill()?),
    }
    let address = stack.web().replace("http://", "");
    let mut line = TcpStream::connect(&address).context("nobody is refused")?;
    line.write_all(
        format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    stack.start_collector()?;
    line.set_read_timeout(Some(PATIENCE))?;
    let mut answer = String::new();
    line.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

#[test]
fn connections_wait_while_the_collector_restarts_under_load() -> anyhow::Result<()> {
    let mut stack = Stack::prepare(&[])?;
    let _sockets = hold_sockets(&mut stack)?;
    stack.start_collector()?;
    let mut pcs = [
        Pc::join(&stack, "pc-1", Disk::Ordinary)?,
        Pc::join(&stack, "pc-2", Disk::Ordinary)?,
    ];
    let mut writers = Vec::new();
    for pc in &mut pcs {
        pc.start()?;
        pc.wait_until_watched(&stack)?;
        writers.push(Writer::endless(
            &pc.watched(),
            &pc.path("written.jsonl"),
            PAUSE_MS,
            pc.host,
        )?);
    }
    for end in [End::InOrder, End::Killed] {
        restart(&mut stack, end)?;
        for pc in &mut pcs {
            pc.wait_until_watched(&stack)?;
        }
    }
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.stop()?);
    }
    for pc in &mut pcs {
        poll::until_every(LOOK_INTERVAL, "nothing to wait in the spool", LONG, || {
            Ok((pc.waiting()? == 0).then_some(()))
        })?;
        let agent = pc.agent.as_mut().context("it runs")?;
        let said = agent.output();
        ensure!(!said.contains("refused"), "nobody is refused: {said}");
        let tries = said.matches("connecting again").count();
        ensure!(tries <= TRIES_MAX, "{tries} tries over two restarts");
        pc.stop()?;
    }
    let (api, store) = (stack.sign_in()?, stack.store()?);
    let hosts = pcs.each_ref().map(|pc| pc.host);
    poll::until_every(LOOK_INTERVAL, "a clean account", PATIENCE, || {
        let account = Account::of(&store, &api, &hosts, &written).ok();
        Ok(account.filter(Account::is_clean))
    })?
    .must_be_clean()
}
