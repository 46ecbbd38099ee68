//! The demo tenant, on a thread of its own for the time of a test.

use rein::demo::{Options, Tenant};
use tokio::sync::oneshot;

/// A running demo tenant; it ends with the test.
pub(crate) struct Demo {
    /// Its endpoint.
    pub(crate) url: String,
    /// The token that may do everything.
    pub(crate) token: String,
    /// The certificate of its authority, when it speaks TLS.
    pub(crate) ca_pem: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Demo {
    /// Starts a tenant over plain http.
    pub(crate) fn start() -> Demo {
        Demo::with(Options::default())
    }

    /// Starts a tenant over https.
    pub(crate) fn tls() -> Demo {
        Demo::with(Options {
            tls: true,
            ..Options::default()
        })
    }

    /// Starts a tenant with these options.
    pub(crate) fn with(options: Options) -> Demo {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let tenant = Tenant::start(options).await.expect("the tenant starts");
                let facts = (
                    tenant.base_url(),
                    tenant.token().to_owned(),
                    tenant.ca_pem().map(str::to_owned),
                );
                ready.send(facts).expect("the test waits");
                let _dropped = stopped.await;
            });
        });
        let (url, token, ca_pem) = is_ready.recv().expect("the tenant is ready");
        Demo {
            url,
            token,
            ca_pem,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
