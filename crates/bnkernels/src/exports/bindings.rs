//! Writes the TypeScript bindings: a function for each kernel, of one object with named arguments, so that
//! none can be swapped for another; and an operation for each row of the table of unary ones.

use super::{Arguments, Description, DESCRIPTIONS};
use crate::tables::{Number, BINARY_DESCRIPTIONS, UNARY_DESCRIPTIONS};
use std::fmt::Write;

/// The generated files, from the project's folder, and what is in them.
pub fn files() -> [(&'static str, String); 5] {
    [
        ("src/bindings/kernels.generated.ts", kernels(false)),
        ("src/bindings/whole-kernels.generated.ts", kernels(true)),
        ("src/bindings/rows.generated.ts", rows()),
        ("src/autograd/ops/unary.generated.ts", unary(false)),
        ("src/autograd/ops/unary-parts.generated.ts", unary(true)),
    ]
}

const NOTE: &str = "// Written by `cargo run --bin bindings` in crates/bnkernels";

/// The kernels that every binary has, or those of the whole one: with these the program says that it needs it.
fn kernels(whole: bool) -> String {
    let mut out = format!("{NOTE} from src/exports/mod.rs: change it there.\n");
    out += "import { call, type Dimensions, type Memory, startRow, writeDimensions } from './call.js'\n";
    if whole {
        out += "import { fuseRecorded } from './fuse-rows.js'\n";
        out += "import { setRowFusion } from './row-fusion.js'\n";
        out += "import { wantWhole } from './whole.js'\n\n";
        out += "// A bundler keeps these lines where it keeps one of the kernels.\nwantWhole()\n";
        out += "setRowFusion((recorded) => fuseRecorded(recorded))\n";
    } else {
        out += &numbers_of_binary();
    }
    let kernels = DESCRIPTIONS.iter().enumerate();
    for (number, kernel) in kernels.filter(|(_, kernel)| kernel.whole == whole && !has_steps(kernel)) {
        out += "\n";
        out += &interface(kernel);
        out += &function(number, kernel);
    }
    out
}

fn numbers_of_binary() -> String {
    let mut out =
        String::from("\n/** The numbers of the operations of `binary`. */\nexport const BINARY = {\n");
    for (number, row) in BINARY_DESCRIPTIONS.iter().enumerate() {
        out += &doc("  ", row.doc);
        writeln!(out, "  {}: {number},", camel_case(row.name)).unwrap();
    }
    out + "} as const\n"
}

/// Whether it runs other rows: such a row is made of recorded ones, and of no call.
fn has_steps(kernel: &Description) -> bool {
    kernel.arguments.iter().any(|arguments| arguments.kind == "steps")
}

/// What is in the rows: for who changes one that another has written.
fn rows() -> String {
    let mut out = format!("{NOTE} from src/exports/mod.rs: change it there.\n");
    out += "\n/** What is in the row of a kernel. */\nexport interface RowForm {\n";
    out += "  /** Words without the dimensions, which are last. */\n  readonly words: number\n";
    out += "  readonly dims: boolean\n";
    out +=
        "  /** The words in which the address of an array stands; negative where the kernel writes it. */\n";
    out += "  readonly arrays: readonly number[]\n}\n";
    out += "\nconst form = (words: number, dims: 0 | 1, ...arrays: number[]): RowForm => ({\n";
    out += "  words,\n  dims: dims === 1,\n  arrays,\n})\n";
    out += "\n/** By the kernels' numbers. */\nexport const ROW_FORMS: readonly RowForm[] = [\n";
    for kernel in DESCRIPTIONS {
        // (Rows with steps are no calls: few ask.)
        let form = if has_steps(kernel) { "form(0, 0)".into() } else { row_form(kernel) };
        writeln!(out, "  {form},").unwrap();
    }
    out += "]\n\n/** The numbers of the kernels that run rows of others: such a row ends with them (exports/steps.rs). */\n";
    out += "export const CHAINS = {\n";
    for (number, kernel) in DESCRIPTIONS.iter().enumerate().filter(|(_, kernel)| has_steps(kernel)) {
        writeln!(out, "  {}: {number},", camel_case(kernel.name)).unwrap();
    }
    out += "} as const\n";
    out += "\n/** What is in their rows before the steps, by their numbers. */\n";
    out += "export const CHAIN_FORMS: Readonly<Record<number, RowForm>> = {\n";
    for (number, kernel) in DESCRIPTIONS.iter().enumerate().filter(|(_, kernel)| has_steps(kernel)) {
        writeln!(out, "  {number}: {},", row_form(kernel)).unwrap();
    }
    out += "}\n";
    out
}

/// The form of a kernel's row.
fn row_form(kernel: &Description) -> String {
    let mut words = 2;
    let mut arrays = String::new();
    let arguments = arguments(kernel);
    for argument in arguments.iter().filter(|argument| !argument.is_last()) {
        if argument.is_array() {
            write!(arrays, ", {}{words}", if argument.written { "-" } else { "" }).unwrap();
        }
        words += argument.words().len();
    }
    let dims = u8::from(arguments.iter().any(|argument| argument.kind == Kind::Dims));
    format!("form({words}, {dims}{arrays})")
}

/// The rows of the unary table that are functions, or those that are parts of one.
fn unary(parts: bool) -> String {
    let mut out =
        format!("{NOTE} from src/tables.rs: change it there.\nimport {{ unary }} from './unary.js'\n");
    for (number, row) in UNARY_DESCRIPTIONS.iter().enumerate() {
        if row.name.starts_with('_') != parts {
            continue;
        }
        let name = camel_case(row.name.trim_start_matches('_'));
        let reads: Vec<&str> = ["'x'", "'y'"]
            .into_iter()
            .zip(row.reads)
            .filter_map(|(name, reads)| reads.then_some(name))
            .collect();
        let (interface, type_argument, defaults) = options(&name, row.options);
        out += &interface;
        let lines: Vec<&str> = row.doc.iter().copied().chain(["", " @function"]).collect();
        out += "\n";
        out += &doc("", &lines);
        writeln!(
            out,
            "export const {name} = unary{type_argument}('{name}', {number}, [{}]{defaults})",
            reads.join(", ")
        )
        .unwrap();
    }
    out
}

/// Of a function that takes numbers besides x: the interface of its options, the type argument, and the defaults.
fn options(function: &str, options: &[Number]) -> (String, String, String) {
    if options.is_empty() {
        return Default::default();
    }
    let name = format!("{}{}Options", function[..1].to_uppercase(), &function[1..]);
    let mut interface = format!("\n/** Options of `{function}`. */\nexport interface {name} {{\n");
    let mut defaults = Vec::new();
    for option in options {
        let (own, default) = (camel_case(option.name), number_text(option.default));
        let said = option.doc.join("\n");
        let usual = if option.default.is_finite() { &default } else { "none" };
        interface += &doc("  ", &[&format!("{said} Default {usual}.")]);
        writeln!(interface, "  {own}?: number").unwrap();
        defaults.push(format!("{own}: {default}"));
    }
    (interface + "}\n", format!("<{name}>"), format!(", {{ {} }}", defaults.join(", ")))
}

/// A number as TypeScript has it.
fn number_text(number: f64) -> String {
    match number {
        f64::INFINITY => "Number.POSITIVE_INFINITY".into(),
        f64::NEG_INFINITY => "Number.NEGATIVE_INFINITY".into(),
        _ => number.to_string(),
    }
}

/// One argument of a kernel.
struct Argument {
    name: String,
    kind: Kind,
    length: String,
    optional: bool,
    written: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Bool,
    Choice,
    Dims,
    Steps,
    Floats,
    Words,
    Bytes,
}

impl Argument {
    fn new(name: &str, of: &Arguments) -> Self {
        let (optional, kind) = match of.kind.strip_prefix("optional ") {
            Some(kind) => (true, kind),
            None => (false, of.kind),
        };
        let known = match kind {
            "size" | "u32" | "f32" | "f64" => Kind::Number,
            "bool" => Kind::Bool,
            "choice" => Kind::Choice,
            "dims" => Kind::Dims,
            "steps" => Kind::Steps,
            "input" | "inout" | "output" => Kind::Floats,
            "words" | "output words" => Kind::Words,
            "bytes" => Kind::Bytes,
            _ => panic!("no kind of argument: {kind}"),
        };
        let written = kind == "inout" || kind.starts_with("output");
        // (What the compiler gives back of a long expression has line breaks.)
        let length = of.length.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { name: camel_case(name), kind: known, length: camel_case(&length), optional, written }
    }

    fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Floats | Kind::Words | Kind::Bytes)
    }

    /// Whether its length differs from row to row.
    fn is_last(&self) -> bool {
        matches!(self.kind, Kind::Dims | Kind::Steps)
    }

    fn options(&self) -> Vec<&str> {
        self.length.split(", ").collect()
    }

    fn type_name(&self) -> String {
        match self.kind {
            Kind::Number => "number".into(),
            Kind::Bool => "boolean".into(),
            Kind::Choice => format!("'{}'", self.options().join("' | '")),
            Kind::Dims => "Dimensions".into(),
            Kind::Steps => unreachable!("a row with steps is no call"),
            Kind::Floats | Kind::Words | Kind::Bytes => "Memory".into(),
        }
    }

    /// Its line of the interface, with the array's length.
    fn field(&self) -> String {
        let (name, type_name) = (&self.name, self.type_name());
        let field = match self.optional {
            true => format!("  readonly {name}?: {type_name} | undefined\n"),
            false => format!("  readonly {name}: {type_name}\n"),
        };
        let unit = match self.kind {
            Kind::Floats => "floats",
            Kind::Words => "words (u32)",
            Kind::Bytes => "bytes",
            _ => return field,
        };
        let length = match self.length.as_str() {
            "any" => unit[..1].to_uppercase() + &unit[1..],
            length => format!("`{}` {unit}", length.replace("len()", "length")),
        };
        let written = if self.written { "; written" } else { "" };
        format!("  /** {length}{written}. */\n{field}")
    }

    /// What is written to the row, word for word.
    fn words(&self) -> Vec<String> {
        let name = &self.name;
        let length = "length";
        match self.kind {
            Kind::Number => vec![name.clone()],
            Kind::Bool => vec![format!("Number({name})")],
            Kind::Choice => {
                let options = self.options();
                let tests = options[..options.len() - 1].iter().enumerate();
                let tests: String =
                    tests.map(|(i, option)| format!("{name} === '{option}' ? {i} : ")).collect();
                vec![format!("{tests}{}", options.len() - 1)]
            }
            _ if self.optional => vec![format!("{name}At"), format!("{name}?.{length} ?? 0")],
            _ => vec![format!("{name}At"), format!("{name}.{length}")],
        }
    }
}

fn arguments(kernel: &Description) -> Vec<Argument> {
    let groups = kernel.arguments.iter();
    groups.flat_map(|group| group.names.iter().map(|name| Argument::new(name, group))).collect()
}

fn interface(kernel: &Description) -> String {
    let (function, name) = names(kernel);
    let fields: String = arguments(kernel).iter().map(Argument::field).collect();
    format!("/** The arguments of `{function}`. */\nexport interface {name} {{\n{fields}}}\n\n")
}

fn function(number: usize, kernel: &Description) -> String {
    let (function, name) = names(kernel);
    let arguments = arguments(kernel);
    let mut out = doc("", kernel.doc);
    let taken = |name: &str| arguments.iter().any(|argument| argument.name == name);
    let mut locals = arguments
        .iter()
        .map(|argument| format!("{}At", argument.name))
        .chain(["row".into(), "result".into()]);
    assert!(!locals.any(|local| taken(&local)), "{function}: an argument has the name of a local variable");
    let list: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
    let result = if kernel.number { "number" } else { "void" };
    writeln!(out, "export function {function}({{ {} }}: {name}): {result} {{", list.join(", ")).unwrap();
    // What changes its values, or moves a storage into memory, may make views of the memory stale: first of all.
    for Argument { name, optional, .. } in arguments.iter().filter(|argument| argument.written) {
        let condition = if *optional { "?" } else { "" };
        writeln!(out, "  {name}{condition}.willChange()").unwrap();
    }
    for Argument { name, optional, .. } in arguments.iter().filter(|argument| argument.is_array()) {
        let address = if *optional { "?.address ?? 0" } else { ".address" };
        writeln!(out, "  const {name}At = {name}{address}").unwrap();
    }
    writeln!(out, "  const row = startRow({number})").unwrap();
    let mut at = 2;
    for (i, argument) in arguments.iter().enumerate() {
        if argument.kind == Kind::Dims {
            assert_eq!(i + 1, arguments.len(), "{function}: dims come last, as their length differs");
            writeln!(out, "  writeDimensions(row, {at}, {})", argument.name).unwrap();
        } else {
            for word in argument.words() {
                writeln!(out, "  row[{at}] = {word}").unwrap();
                at += 1;
            }
        }
    }
    writeln!(out, "  {}call(row, '{function}')", if kernel.number { "const result = " } else { "" }).unwrap();
    for Argument { name, optional, .. } in arguments.iter().filter(|argument| argument.written) {
        let condition = if *optional { format!("if ({name}) ") } else { String::new() };
        writeln!(out, "  {condition}{name}.version++").unwrap();
    }
    if kernel.number {
        out += "  return result\n";
    }
    out + "}\n"
}

/// The function's name and the interface's.
fn names(kernel: &Description) -> (String, String) {
    let name = camel_case(kernel.name);
    (name.clone(), name[..1].to_uppercase() + &name[1..])
}

/// Doc comments as JSDoc.
fn doc(indent: &str, lines: &[&str]) -> String {
    match lines {
        [] => String::new(),
        [line] => format!("{indent}/**{line} */\n"),
        _ => {
            let lines: String = lines.iter().map(|line| format!("{indent} *{line}\n")).collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

/// All names in `text` from snake_case to camelCase.
fn camel_case(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if character == '_' && next.is_alphanumeric() && !out.is_empty() => {
                out.extend(next.to_uppercase());
                characters.next();
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_declarations_give() {
        for (path, text) in files() {
            let committed = std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR")));
            let same = committed.is_ok_and(|committed| committed.replace("\r\n", "\n") == text);
            assert!(same, "{path} is out of date: cargo run --bin bindings");
        }
    }

    #[test]
    fn every_row_fits_its_buffer() {
        for kernel in DESCRIPTIONS {
            let words: usize = arguments(kernel)
                .iter()
                .map(|argument| match argument.kind {
                    Kind::Steps => 0,
                    Kind::Dims => 1 + 3 * super::super::row::MOST_DIMENSIONS,
                    _ => argument.words().len(),
                })
                .sum();
            assert!(2 + words <= super::super::row::MOST_WORDS, "{}", kernel.name);
        }
    }
}
