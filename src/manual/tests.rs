//! Whole pages, and cells of any content.

use std::path::Path;

use proptest::prelude::*;

use crate::manual::{cell, pages};
use crate::schema::Table;

const RULES: &str = "rules: [{id: no_room, forbids: {most: {gt: 4}, kind: [b]}, because: No `room`., \
    example: {most: 5, kind: b}, near: {most: 4, kind: b}}]";

fn table(backend: &str, names: &str, more: &str) -> Table {
    let text = format!(
        "backend: {backend}\nengine: {backend} 1 | two\nbaseline: {{most: 8}}\n{RULES}
refused:
- {{names: [{names}], because: it is *gone*, instead: use most}}
params:
- path: most
  section: sampling
  type: int
  default: 20
  bounds: {{ge: 1}}
  relation: limits
  aliases: [max_most]
  per_value: [{{values: [1], relation: changes}}]
  refused: [{{value: 3, with: {{kind: b}}, because: No room.}}]
  description: Ends a row | of max_new_tokens.
- path: kind
  section: load
  type: enum
  optional: true
  choices: [a, b, c, d, e, f, 'g|h']
  default: null
  deprecated: since 0.9
  requires: [{{devices: 2}}, {{architecture: [llama, gpt2]}}]
  with: {{most: 2}}
  relation: none
  description: A kind.
{more}"
    );
    Table::parse(Path::new("x.yaml"), &text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn the_pages_of_two_backends() {
    let more = "- {path: lost, section: load, type: string, default: a, samples: [b], \
                relation: none, description: Lost elsewhere.}\n";
    let tables = [table("x", "gone, lost", ""), table("y", "gone", more)];
    let shown: Vec<String> = pages(&tables)
        .into_iter()
        .filter(|page| page.file != "y.md" && !page.file.contains("findings"))
        .map(|page| format!("=== {}\n{}", page.file, page.text))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    === README.md
    <!-- Written by `wattest params docs`: not edited by hand. -->

    # Parameters

    | backend | engine | parameters | refused names | cases |
    | --- | --- | --- | --- | --- |
    | [x](x.md) | x 1 &#124; two | 2 | 2 | 27 |
    | [y](y.md) | y 1 &#124; two | 3 | 1 | 29 |

    - [Which backend takes which name](support.md)
    - [Combinations that are refused](combinations.md)
    - [How parameter files are written](../params.md)

    === support.md
    <!-- Written by `wattest params docs`: not edited by hand. -->

    # Which backend takes which name

    *yes*: a parameter of that name; *= name*: another name of that parameter; *no*: refused, for the reason of that number below; blank: an unknown name, and refused as such.

    | name | x | y |
    | --- | --- | --- |
    | `kind` | yes | yes |
    | `lost` | no (1) | yes |
    | `max_most` | = `most` | = `most` |
    | `most` | yes | yes |

    Reasons:

    1. it is &#42;gone&#42;; use most

    ## Names that no backend takes

    | name | refused by | why |
    | --- | --- | --- |
    | `gone` | x, y | it is &#42;gone&#42; |

    === combinations.md
    <!-- Written by `wattest params docs`: not edited by hand. -->

    # Combinations that are refused

    Each rule is asked of the engine itself: the example must be refused, and what stands beside it accepted. What is not set is at its default.

    ## Rules

    | rule | refused where | why | such as | but not | backends |
    | --- | --- | --- | --- | --- | --- |
    | `no_room` | `kind is "b"` and `most > 4` | No `room`. | `kind="b"`, `most=5` | `kind="b"`, `most=4` | x, y |

    ## Values that are refused in company

    | value | beside | why | backends |
    | --- | --- | --- | --- |
    | `most=3` | `kind="b"` | No room. | x, y |

    === x.md
    <!-- Written by `wattest params docs`: not edited by hand. -->

    # x

    x 1 &#124; two.

    From `params/x.yaml`: 2 parameters, 2 refused names. What stands under *claim* must hold between an output with the value and the same without it ([relations](../params.md#relations)).

    Every case sets `most=8`, unless it says otherwise.

    ## load

    Read when the model is loaded.

    | parameter | type | default | values | claim | needs | |
    | --- | --- | --- | --- | --- | --- | --- |
    | `kind` | enum or null | `null` | 7 choices, see below | none | devices 2; architecture llama or gpt2; tried with `most=2` | A kind. **Deprecated**: since 0.9. |

    - Choices of `kind`: `"a"`, `"b"`, `"c"`, `"d"`, `"e"`, `"f"`, `"g|h"`

    ## sampling

    Read with each request: which tokens are chosen.

    | parameter | type | default | values | claim | needs | |
    | --- | --- | --- | --- | --- | --- | --- |
    | `most` | int | `20` | `>= 1` | limits; for `1`: changes |  | Ends a row &#124; of max_new_tokens. Also `max_most`. |

    ## Refused names

    | names | why | instead |
    | --- | --- | --- |
    | `gone`, `lost` | it is &#42;gone&#42; | use most |
    "#);
}

proptest! {
    /// Whatever is in a cell, it stays one, on its line.
    #[test]
    fn a_cell_stays_one(text in "\\PC{0,40}|[`|_*\\[\\]<&\\\\ a\n]{0,40}") {
        for cell in [cell::prose(&text), cell::code(&text)] {
            let bars = cell.match_indices('|').filter(|(at, _)| !cell[..*at].ends_with('\\')).count();
            prop_assert_eq!(bars, 0, "{}", cell);
            prop_assert!(!cell.contains('\n'));
        }
    }
}
