//! `kernels!` makes of each declaration the function that reads its row and calls the kernel, and (natively)
//! the description that the TypeScript bindings are written from.
//!
//! ```text
//! /// What it computes: the documentation in TypeScript too.
//! name(outer, n: size; x, y: input[outer * n]; bias: optional input[n]; z: output[outer])
//!     let s = Shape { outer, n };
//!     requires s.is_valid();
//!     -> number => path::to::kernel(&s, x, y, bias, z);
//! ```
//!
//! | kind | in Rust | in TypeScript |
//! |---|---|---|
//! | `size` | usize | number: whole, below 2³² |
//! | `u32`, `f32`, `f64`, `bool` | the same | number, boolean |
//! | `choice[a, b]` | u32: 0, 1 | `'a' \| 'b'` |
//! | `input[length]`, `inout[length]`, `output[length]` | slices of f32, the last two mutable | Memory |
//! | `words[length]`, `output words[length]` | slices of u32, the second mutable | Memory |
//! | `bytes[length]` | slice of u8 | Bytes |
//! | `optional` before input, inout, output | Option of it | may be undefined |
//! | `steps` | [`Steps`](super::steps::Steps); last in the list | none: who fuses rows writes such a row |
//! | `dims` | [`Dims`](super::row::Dims); last in the list | Dimensions |
//!
//! `in whole` behind the arguments: few use it, so that only the whole binary has it (the crate's feature `whole`), and
//! the core one, which most pages download, does not.
//!
//! A length is computed as [`lengths`](super::lengths) says; `[any]` is any. What else must hold, before the
//! kernel may be called, is in `requires`. A kernel that gives a number has `-> number`.

use super::row::{Row, Status};

/// The functions of all kernels, and their descriptions.
macro_rules! kernels {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident ($($($argument:ident),+ : $($kind:ident)+ $([$($length:tt)*])?);+ $(;)?)
            $(in $binary:ident)? $(let $local:pat = $value:expr;)* $(requires $condition:expr;)? $(-> $number:ident)? => $call:expr;
    )*) => {
        /// Reads the rest of a row and runs its kernel.
        type Call = fn(&mut Row) -> Status;

        static CALLS: &[Call] = &[$({
            #[allow(unused_variables, unused_mut)]
            fn from_row(row: &mut Row) -> Status {
                $(argument!(read row [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                let mut fits = row.is_sound();
                {
                    $(argument!(as_length [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                    $(argument!(check fits [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                }
                if !fits {
                    return Status::WrongArgument;
                }
                $(argument!(slice [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                $(let $local = $value;)*
                $(if !$condition {
                    return Status::WrongArgument;
                })?
                row.finish::<{ has_number!($($number)?) }, _>($call)
            }
            if is_here!($($binary)?) { from_row as Call } else { absent }
        }),*];

        /// The lengths that a row's arrays must have; NaN where any will do.
        #[cfg(test)]
        static LENGTHS: &[fn(&mut Row) -> Vec<f64>] = &[$({
            #[allow(unused_variables, unused_mut)]
            fn lengths(row: &mut Row) -> Vec<f64> {
                let mut lengths = Vec::new();
                $(argument!(read row [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                $(argument!(as_length [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                $(argument!(measure lengths [$($argument),+] ($($kind)+) [$($($length)*)?]);)+
                lengths
            }
            lengths
        }),*];

        /// What the bindings are written from.
        #[cfg(not(target_arch = "wasm32"))]
        pub const DESCRIPTIONS: &[Description] = &[$(Description {
            name: stringify!($name),
            doc: &[$($doc),*],
            number: has_number!($($number)?),
            whole: is_whole!($($binary)?),
            arguments: &[$(Arguments {
                names: &[$(stringify!($argument)),+],
                kind: stringify!($($kind)+),
                length: stringify!($($($length)*)?),
            }),+],
        }),*];
    };
}

/// A phase of a call, for the arguments of one kind: `read` words, see sizes `as_length`s, `check` the
/// lengths of arrays, make a `slice` of each; in tests `measure` how long they must be.
macro_rules! argument {
    (read $row:ident [$($name:ident),+] (size) []) => { $(let $name = $row.size();)+ };
    (read $row:ident [$($name:ident),+] (u32) []) => { $(let $name = $row.u32();)+ };
    (read $row:ident [$($name:ident),+] (f32) []) => { $(let $name = $row.f32();)+ };
    (read $row:ident [$($name:ident),+] (f64) []) => { $(let $name = $row.f64();)+ };
    (read $row:ident [$($name:ident),+] (bool) []) => { $(let $name = $row.bool();)+ };
    (read $row:ident [$($name:ident),+] (dims) []) => { $(let $name = $row.dims();)+ };
    // SAFETY: there is a whole row.
    (read $row:ident [$($name:ident),+] (steps) []) => { $(let $name = unsafe { Steps::read($row) };)+ };
    (read $row:ident [$($name:ident),+] (choice) $options:tt) => {
        $(let $name = $row.choice(count!($options));)+
    };
    (read $row:ident [$($name:ident),+] (bytes) $length:tt) => { $(let $name = $row.array::<u8>();)+ };
    (read $row:ident [$($name:ident),+] (words) $length:tt) => { $(let $name = $row.array::<u32>();)+ };
    (read $row:ident [$($name:ident),+] (output words) $length:tt) => { $(let $name = $row.array::<u32>();)+ };
    (read $row:ident [$($name:ident),+] (optional $kind:ident) $length:tt) => {
        $(let $name = $row.optional();)+
    };
    (read $row:ident [$($name:ident),+] ($($kind:ident)+) $length:tt) => {
        $(let $name = $row.array::<f32>();)+
    };

    (as_length [$($name:ident),+] (size) []) => { $(let $name = $name as f64;)+ };
    (as_length [$($name:ident),+] ($($kind:ident)+) $length:tt) => {};

    (check $fits:ident $names:tt (size) []) => {};
    (check $fits:ident $names:tt (u32) []) => {};
    (check $fits:ident $names:tt (f32) []) => {};
    (check $fits:ident $names:tt (f64) []) => {};
    (check $fits:ident $names:tt (bool) []) => {};
    (check $fits:ident $names:tt (dims) []) => {};
    (check $fits:ident $names:tt (steps) []) => {};
    (check $fits:ident $names:tt (choice) $options:tt) => {};
    (check $fits:ident [$($name:ident),+] (optional $kind:ident) $length:tt) => {
        $($fits &= !$name.is_given() || has_length!($name $length);)+
    };
    (check $fits:ident [$($name:ident),+] ($($kind:ident)+) $length:tt) => {
        $($fits &= has_length!($name $length);)+
    };

    (measure $lengths:ident [$($name:ident),+] (choice) $options:tt) => {};
    (measure $lengths:ident [$($name:ident),+] ($($kind:ident)+) []) => {};
    (measure $lengths:ident [$($name:ident),+] ($($kind:ident)+) [any]) => {
        $lengths.extend([$(stringify!($name)),+].map(|_| f64::NAN));
    };
    (measure $lengths:ident [$($name:ident),+] ($($kind:ident)+) [$($length:tt)+]) => {
        $lengths.extend([$(stringify!($name)),+].map(|_| lengths::Length::value($($length)+)));
    };

    // SAFETY, of all: the row is sound, and the array given. TypeScript gives arrays that do not overlap.
    (slice [$($name:ident),+] (optional input) $length:tt) => {
        $(let $name = $name.is_given().then(|| unsafe { $name.slice() });)+
    };
    (slice [$($name:ident),+] (optional $kind:ident) $length:tt) => {
        $(let $name = $name.is_given().then(|| unsafe { $name.slice_mut() });)+
    };
    (slice [$($name:ident),+] (input) $length:tt) => { $(let $name = unsafe { $name.slice() };)+ };
    (slice [$($name:ident),+] (bytes) $length:tt) => { $(let $name = unsafe { $name.slice() };)+ };
    (slice [$($name:ident),+] (words) $length:tt) => { $(let $name = unsafe { $name.slice() };)+ };
    (slice [$($name:ident),+] (inout) $length:tt) => { $(let $name = unsafe { $name.slice_mut() };)+ };
    (slice [$($name:ident),+] (output $($words:ident)?) $length:tt) => {
        $(let $name = unsafe { $name.slice_mut() };)+
    };
    (slice $names:tt ($kind:ident) $length:tt) => {};
}

/// Whether an array is as long as declared.
macro_rules! has_length {
    ($name:ident [any]) => {
        true
    };
    ($name:ident [$($length:tt)+]) => {
        $name.is($($length)+)
    };
}

/// How many options there are.
macro_rules! count {
    ([$($option:ident),+]) => {
        [$(stringify!($option)),+].len() as u32
    };
}

/// Whether only the whole binary has a kernel.
macro_rules! is_whole {
    () => {
        false
    };
    (whole) => {
        true
    };
}

/// Whether this binary has a kernel.
macro_rules! is_here {
    ($($binary:ident)?) => {
        cfg!(feature = "whole") || !is_whole!($($binary)?)
    };
}

/// In the place of a kernel that this binary does not have.
pub(super) fn absent(_: &mut Row) -> Status {
    Status::UnknownKernel
}

macro_rules! has_number {
    () => {
        false
    };
    (number) => {
        true
    };
}

pub(super) use {argument, count, has_length, has_number, is_here, is_whole, kernels};

/// A kernel, as declared.
#[cfg(not(target_arch = "wasm32"))]
pub struct Description {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    pub number: bool,
    /// Whether only the whole binary has it.
    pub whole: bool,
    pub arguments: &'static [Arguments],
}

/// Arguments of one kind.
#[cfg(not(target_arch = "wasm32"))]
pub struct Arguments {
    pub names: &'static [&'static str],
    pub kind: &'static str,
    pub length: &'static str,
}
