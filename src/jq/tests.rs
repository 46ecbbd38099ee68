//! The cases of the table, and what no table can hold.

use super::{Filter, Var};

fn results(code: &str, body: &str) -> crate::error::Result<Vec<String>> {
    let vars = [
        Var::Text("who".to_owned(), "you".to_owned()),
        Var::Json("n".to_owned(), "[1]".to_owned()),
    ];
    let filter = Filter::compile("-q", code, &vars)?;
    let mut list = Vec::new();
    filter.run(body.as_bytes().to_vec(), &mut |output| {
        list.push(String::from_utf8_lossy(&output.json).into_owned());
        crate::error::Result::Ok(())
    })?;
    Ok(list)
}

/// Runs a file of cases in the form of jq's own tests, for measuring by hand.
#[test]
#[ignore = "needs a file of cases"]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement by hand")]
fn measure() {
    let Ok(list) = std::env::var("JQ_CASES") else { return };
    for path in list.split(',') {
        let text = std::fs::read_to_string(path).expect("a file");
        let mut lines = text.lines().peekable();
        let (mut good, mut all, mut refused) = (0, 0, (0, 0));
        while let Some(line) = lines.next() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with("%%FAIL") {
                let code = lines.next().unwrap_or_default();
                refused.1 += 1;
                if Filter::compile("-q", code, &[]).is_err() || results(code, "null").is_err() {
                    refused.0 += 1;
                } else {
                    println!("NOT REFUSED {code}");
                }
                while lines.peek().is_some_and(|line| !line.trim().is_empty()) {
                    lines.next();
                }
                continue;
            }
            let input = lines.next().unwrap_or_default();
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.trim().is_empty()) {
                if !line.starts_with('#') {
                    expected.push(line.to_owned());
                }
            }
            all += 1;
            let partial = std::cell::RefCell::new(Vec::new());
            let given = Filter::compile("-q", line, &[]).and_then(|filter| {
                filter.run(input.as_bytes().to_vec(), &mut |output| {
                    partial.borrow_mut().push(String::from_utf8_lossy(&output.json).into_owned());
                    crate::error::Result::Ok(())
                })
            });
            let normal = |text: &String| {
                super::read::one(text.as_bytes()).map(|value| {
                    super::write::to_string(&value)
                })
            };
            let same = |a: &String, b: &String| match (super::read::one(a.as_bytes()), super::read::one(b.as_bytes())) {
                (Ok(a), Ok(b)) => a == b || normal(&super::write::to_string(&a)).ok() == normal(&super::write::to_string(&b)).ok(),
                _ => false,
            };
            let partial = partial.into_inner();
            if partial.len() == expected.len() && partial.iter().zip(&expected).all(|(a, b)| same(a, b)) {
                good += 1;
            } else {
                println!("DIFFERS {line}\n   input {input}\n   gives {partial:?} {:?}\n   jq    {expected:?}", given.err().map(|failure| failure.headline));
            }
        }
        println!("{path}: {good} of {all}, refused {} of {}", refused.0, refused.1);
    }
}
