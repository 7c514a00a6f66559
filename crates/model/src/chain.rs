//! Errors as people and log lines are told them.

use std::error::Error;
use std::fmt;

/// An error and what caused it, each after a colon. In log lines it stands as `error = %Chain(&error)`: of an error as it
/// is, lines in JSON have the first words only, which often name no more than a part.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Step(&'static str, Option<Box<Step>>);

    impl fmt::Display for Step {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Step {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_follow_what_they_caused() {
        let first = Step("the disk is full", None);
        assert_eq!(Chain(&first).to_string(), "the disk is full");
        let second = Step("a statement failed", Some(Box::new(first)));
        let third = Step("a part's tables", Some(Box::new(second)));
        assert_eq!(Chain(&third).to_string(), "a part's tables: a statement failed: the disk is full");
    }
}
