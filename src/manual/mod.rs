//! The reference that is generated from the parameter files: a page for each backend, which names
//! each of them takes, which combinations they refuse, and what is known to be wrong with them.
//! Pure: equal tables give equal pages.

mod backend;
mod cell;
mod combinations;
mod findings;
mod support;
#[cfg(test)]
mod tests;

use crate::schema::Table;

/// The first line of every page. A file that begins so belongs to the generator.
pub const MARK: &str = "<!-- Written by `wattest params docs`: not edited by hand. -->";

/// One generated page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Name of its file.
    pub file: String,
    /// Its text, markdown.
    pub text: String,
}

/// The pages of `tables`: the index first, then a page for each, in their order.
pub fn pages(tables: &[Table]) -> Vec<Page> {
    let page = |file: &str, body: String| Page {
        file: file.to_owned(),
        text: format!("{MARK}\n\n{}\n", body.trim_end()),
    };
    let mut pages = vec![
        page("README.md", index(tables)),
        page("support.md", support::text(tables)),
        page("combinations.md", combinations::text(tables)),
    ];
    // Beside the folder, where the pages that people write are.
    pages.push(page("../findings.md", findings::text(tables)));
    pages.extend(tables.iter().map(|one| page(&format!("{}.md", one.backend), backend::text(one))));
    pages
}

fn index(tables: &[Table]) -> String {
    let mut text = "# Parameters\n\n| backend | engine | parameters | refused names | cases |\n\
                    | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for table in tables {
        text.push_str(&format!(
            "| [{0}]({0}.md) | {1} | {2} | {3} | {4} |\n",
            table.backend,
            cell::prose(&table.engine),
            table.params.len(),
            table.refused.len(),
            table.cases(crate::schema::Selection::All).len(),
        ));
    }
    text.push_str(
        "\n- [Which backend takes which name](support.md)\n\
         - [Combinations that are refused](combinations.md)\n\
         - [How parameter files are written](../params.md)\n",
    );
    text
}
