//! `rein demo`: runs the local demo tenant.

use std::io::Write;

use anyhow::Context as _;

use crate::cli::DemoArgs;
use crate::console::stdout::note;
use crate::demo::{Fault, LogLine, Options, Tenant};
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::text::terminal::sanitise;

/// Serves until it is interrupted.
///
/// # Errors
/// Fails when a fault is not known or the port is taken.
pub(crate) fn run(args: &DemoArgs, cx: &Context) -> Result<Exit> {
    let faults = args
        .fault
        .iter()
        .map(|text| text.parse::<Fault>())
        .collect::<Result<Vec<_>, _>>()?;
    let options = Options {
        port: args.port,
        tls: args.tls,
        faults,
        log: Some(Box::new(|line: &LogLine| note(&log_line(line)))),
    };
    cx.runtime()?.block_on(async {
        let tenant = Tenant::start(options).await?;
        let ca_file = tenant.ca_pem().map(write_ca).transpose()?;
        let exports = exports(&tenant, ca_file.as_deref());
        print(&exports)?;
        note("serving until Ctrl-C; try in another terminal, after the lines above: rein /api/v1/datasets");
        std::future::pending::<()>().await;
        Ok(Exit::Ok)
    })
}

/// Returns the lines that lead rein, curl and the vendor's own CLI to the tenant.
fn exports(tenant: &Tenant, ca_file: Option<&std::path::Path>) -> String {
    let mut lines = vec![
        format!("export REINFER_ENDPOINT={}", tenant.base_url()),
        format!("export REINFER_TOKEN={}", tenant.token()),
        "export REINFER_PROJECT=retail-dev".to_owned(),
        // Otherwise a default profile would lead the lesson to production.
        "# Hides your own profiles in this terminal, so that no call reaches them:".to_owned(),
        "export REINFER_CONFIG=/dev/null".to_owned(),
        "unset REINFER_PROFILE".to_owned(),
    ];
    if let Some(path) = ca_file {
        let path = shell_words::quote(&path.to_string_lossy()).into_owned();
        lines.push(format!("export SSL_CERT_FILE={path}"));
        lines.push(format!("export CURL_CA_BUNDLE={path}"));
    }
    lines.push(format!(
        "# curl -H \"Authorization: Bearer $REINFER_TOKEN\" {}/api/v1/datasets",
        tenant.base_url()
    ));
    lines.push(
        "# re --endpoint \"$REINFER_ENDPOINT\" --token \"$REINFER_TOKEN\" get sources".to_owned(),
    );
    lines.join("\n") + "\n"
}

fn write_ca(pem: &str) -> Result<tempfile::TempPath> {
    let written = tempfile::Builder::new()
        .prefix("rein-demo-ca-")
        .suffix(".pem")
        .tempfile()
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            Ok(file.into_temp_path())
        });
    let path = written.context("cannot write the authority's certificate")?;
    crate::signal::remove_on_interrupt(&path);
    Ok(path)
}

fn log_line(line: &LogLine) -> String {
    let fault = line
        .fault
        .as_deref()
        .map(|fault| format!("  fault: {fault}"))
        .unwrap_or_default();
    format!(
        "{} {}  {}  {:.1} ms{fault}",
        line.method,
        sanitise(&line.path),
        line.status,
        line.millis
    )
}
