//! Arguments of a statement.

use model::Timestamp;

/// One argument; `None` is NULL of that type (PostgreSQL wants to know it).
#[derive(Debug, Clone)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// BOOLEAN.
    Bool(Option<bool>),
    /// DOUBLE PRECISION.
    Float(Option<f64>),
    /// TEXT.
    Text(Option<String>),
    /// `{bytes}`.
    Bytes(Option<Vec<u8>>),
}

/// Arguments in order of their placeholders; made by [`args!`](crate::args).
pub type Args = Vec<Value>;

/// Makes [`Args`] of anything that is `Into<Value>`: `args![id, 3, None::<String>]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

macro_rules! from {
    ($($type:ty => $variant:ident($make:expr);)*) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some($make(value)))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($make))
            }
        }
    )* };
}

from! {
    i64 => Int(|v| v);
    i32 => Int(i64::from);
    u32 => Int(i64::from);
    u16 => Int(i64::from);
    // Sizes and counts: nothing real comes near the limit, and a capped number is refused by the CHECKs of its table.
    u64 => Int(|v| i64::try_from(v).unwrap_or(i64::MAX));
    usize => Int(|v| i64::try_from(v).unwrap_or(i64::MAX));
    Timestamp => Int(|v: Timestamp| v.0);
    bool => Bool(|v| v);
    f64 => Float(|v| v);
    String => Text(|v| v);
    &str => Text(str::to_owned);
    &String => Text(|v: &String| v.clone());
    Vec<u8> => Bytes(|v| v);
    &[u8] => Bytes(<[u8]>::to_vec);
}
