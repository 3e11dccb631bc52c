//! A PC that lay in a cupboard, with a certificate that has expired meanwhile.
//!
//! The clock stands still; instead the collector's own authority signs a certificate with dates long past, and the
//! register is told that this is the agent's.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use rcgen::{CertificateParams, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::stack::Stack;

const VALID_DAYS: i64 = 90;

/// Puts one certificate in another's place, with its dates.
const REGISTER: &str = "import hashlib,sqlite3,ssl,sys; \
    name=lambda file: hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(file).read())).hexdigest(); \
    c=sqlite3.connect(sys.argv[1],timeout=30); \
    n=c.execute('UPDATE certificates SET fingerprint=?, not_before_ms=?, not_after_ms=? WHERE fingerprint=?', \
    (name(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), name(sys.argv[2]))).rowcount; c.commit(); \
    sys.exit(n != 1)";

pub(crate) fn from_a_cupboard() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    stack.agent.take().context("it was started")?.stop()?;
    let before = expire(&stack, 120)?;
    stack.start_agent()?;
    stack.wait_until_watched()?;
    ensure!(certificate(&stack)? != before, "it has another certificate now");

    stack.agent.take().context("it was started")?.stop()?;
    expire(&stack, 401)?;
    stack.start_agent()?;
    let remedy = "vong-agent enrol --force";
    let agent = stack.agent.as_ref().context("it was started")?;
    poll::until_true("the agent to say what helps", PATIENCE, || {
        Ok(agent.output().contains("400 days") && agent.output().contains(remedy))
    })?;
    stack.agent.take().context("it was started")?.stop()?;
    let said = stack.enrol_command(&stack.token()?)?.arg("--force").output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    stack.start_agent()?;
    stack.wait_until_watched()
}

fn certificate(stack: &Stack) -> anyhow::Result<String> {
    Ok(fs::read_to_string(stack.path("agent/agent.crt"))?)
}

/// Makes the certificate of the story's PC one that ended so many days ago.
fn expire(stack: &Stack, days: i64) -> anyhow::Result<String> {
    let authority = |name: &str| fs::read_to_string(stack.path("collector/ca").join(name));
    let key = KeyPair::from_pem(&authority("ca.key")?)?;
    let issuer = Issuer::from_ca_cert_pem(&authority("ca.crt")?, key)?;
    let ended = OffsetDateTime::now_utc() - Duration::days(days);
    let begun = ended - Duration::days(VALID_DAYS);
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (begun, ended);
    let own = KeyPair::from_pem(&fs::read_to_string(stack.path("agent/agent.key"))?)?;
    let expired = params.signed_by(&own, &issuer)?.pem();
    let (former, file) = (stack.path("agent/agent.crt"), stack.path("expired.crt"));
    fs::write(&file, &expired)?;
    let registered = Command::new("python3")
        .args(["-c", REGISTER])
        .args([&stack.path("collector/registry.db"), &former, &file])
        .args([begun, ended].map(|moment| (moment.unix_timestamp() * 1_000).to_string()))
        .status()?;
    ensure!(registered.success(), "the register takes another certificate");
    fs::rename(file, former)?;
    Ok(expired)
}
