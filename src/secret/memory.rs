//! What the system does with the memory of a process that holds a token.

/// Leaves no core file behind, in which a token would be: none is written, and on Linux nobody else
/// may read the memory either. Programs that are started inherit the limit and may raise it again.
/// Where the system refuses, the call is made anyway.
#[cfg(unix)]
pub(crate) fn leave_no_core_file() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Core).maximum,
    };
    let _refused = setrlimit(Resource::Core, limit);
    // A core file that is piped to a program is not held up by the limit (core(5)).
    #[cfg(target_os = "linux")]
    let _refused =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Leaves no core file behind: these systems write none without being asked.
#[cfg(not(unix))]
pub(crate) fn leave_no_core_file() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn the_process_is_not_dumped() {
        super::leave_no_core_file();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(
            dumpable_behavior().expect("known"),
            DumpableBehavior::NotDumpable
        );
    }
}
