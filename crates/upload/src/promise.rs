//! Space that open uploads hold on the disk. Pure.
//!
//! A promise grows with what was received: an account holds as much as its uploads have sent, and a head start, until
//! what is left to send is less. So bytes that were announced only hold next to nothing, and a large file that really
//! comes is not overtaken. Uploads to which nothing came for a while hold nothing.

use std::collections::HashMap;

use model::{AccountId, Timestamp};

/// Bytes that an account's uploads hold before any of their data has arrived.
pub(crate) const HEAD_START: u64 = 1 << 30;
/// For so long an upload holds space without a new part, in ms.
const IDLE_MS: i64 = 3_600_000;

/// An upload that was begun and is not complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) account: AccountId,
    /// Bytes that were announced.
    pub(crate) size: u64,
    /// Bytes that are there.
    pub(crate) received: u64,
    /// When it was begun, or its last part came.
    pub(crate) last: Timestamp,
}

/// Space held by the open uploads of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// How many there are.
    pub uploads: u32,
    /// Bytes that were announced.
    pub announced: u64,
    /// Bytes that are there.
    pub received: u64,
    /// Bytes of free space that are promised to the rest.
    pub promised: u64,
}

/// Space held by the open uploads of each account at `now`.
pub(crate) fn held(open: &[Open], now: Timestamp) -> HashMap<AccountId, Held> {
    let mut all: HashMap<AccountId, (Held, u64, u64)> = HashMap::new();
    for upload in open {
        let (held, sent, rest) = all.entry(upload.account).or_default();
        held.uploads += 1;
        held.announced = held.announced.saturating_add(upload.size);
        held.received = held.received.saturating_add(upload.received);
        if upload.last.plus_ms(IDLE_MS) > now {
            *sent = sent.saturating_add(upload.received);
            *rest = rest.saturating_add(upload.size.saturating_sub(upload.received));
        }
    }
    let promised = |(held, sent, rest): (Held, u64, u64)| Held {
        promised: rest.min(sent.saturating_add(HEAD_START)),
        ..held
    };
    all.into_iter().map(|(account, of)| (account, promised(of))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn check(uploads: &[(u64, u64, i64)], promised: u64) {
        let account = AccountId::new();
        let open = |&(size, received, last)| Open {
            account,
            size: size * GIB,
            received: received * GIB,
            last: Timestamp(last),
        };
        let open: Vec<Open> = uploads.iter().map(open).collect();
        let held = held(&open, Timestamp(IDLE_MS))[&account];
        assert_eq!(held.promised, promised * GIB, "{uploads:?}");
        assert_eq!(held.uploads as usize, uploads.len());
    }

    #[test]
    fn a_promise_grows_with_what_was_received() {
        check(&[(60, 0, 1)], 1);
        check(&[(60, 10, 1)], 11);
        check(&[(60, 40, 1)], 20);
        check(&[(60, 60, 1)], 0);
    }

    #[test]
    fn many_uploads_have_one_head_start_together() {
        check(&[(60, 0, 1); 100], 1);
        check(&[(60, 0, 1), (8, 5, 1)], 6);
    }

    #[test]
    fn what_nobody_goes_on_with_holds_nothing() {
        check(&[(60, 20, 0)], 0);
        check(&[(60, 20, 0), (60, 0, 1)], 1);
    }

    proptest::proptest! {
        #[test]
        fn no_promise_is_larger_than_what_was_received_and_a_head_start(
            uploads in proptest::collection::vec((0..1_u64 << 45, 0..1_u64 << 45, 0_i64..2 * IDLE_MS), 1..50)
        ) {
            let account = AccountId::new();
            let open: Vec<Open> = uploads
                .iter()
                .map(|&(size, received, last)| Open { account, size, received, last: Timestamp(last) })
                .collect();
            let held = held(&open, Timestamp(IDLE_MS))[&account];
            proptest::prop_assert!(held.promised <= held.received + HEAD_START);
            proptest::prop_assert!(held.promised <= held.announced);
        }
    }
}
