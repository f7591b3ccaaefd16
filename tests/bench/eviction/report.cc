// Hit ratios as a table for the terminal, as Markdown and as JSON.

#include "tests/bench/eviction/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace singleflight::bench {
namespace {

using Cells = std::vector<std::string>;

// How lines of cells become a table.
struct Layout {
  std::string (*title)(absl::string_view title);
  std::string (*line)(const Cells& cells);
  std::string (*rule)(size_t cells);
  std::string (*best)(absl::string_view cell);  // how the highest ratio of a row stands out
};

std::string TerminalLine(const Cells& cells) {
  std::string line = absl::StrFormat("%-24s", cells[0]);
  for (size_t i = 1; i < cells.size(); ++i) absl::StrAppendFormat(&line, "%11s", cells[i]);
  return line + "\n";
}

const Layout kTerminal = {
    [](absl::string_view title) { return absl::StrCat(title, "\n"); },
    TerminalLine,
    [](size_t) { return std::string(); },
    [](absl::string_view cell) { return absl::StrCat("*", cell); },
};

const Layout kMarkdown = {
    [](absl::string_view title) { return absl::StrCat("**", title, "**\n\n"); },
    [](const Cells& cells) { return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n"); },
    [](size_t cells) {
      std::string rule = "|---|";
      for (size_t i = 1; i < cells; ++i) rule += "--:|";
      return rule + "\n";
    },
    [](absl::string_view cell) { return absl::StrCat("**", cell, "**"); },
};

using Ratio = double Ratios::*;

std::string RatioLine(const Row& row, Ratio ratio, const Layout& layout) {
  Cells cells = {absl::StrFormat("%s %g %%", row.trace, row.size)};
  double best = 0;
  for (const Ratios& ratios : row.columns) best = std::max(best, ratios.*ratio);
  for (const Ratios& ratios : row.columns) {
    const std::string cell = absl::StrFormat("%.2f", ratios.*ratio);
    cells.push_back(ratios.*ratio == best ? layout.best(cell) : cell);
  }
  return layout.line(cells);
}

std::string MeanLine(const std::vector<Row>& rows, Ratio ratio, const Layout& layout) {
  Cells cells = {"mean"};
  for (size_t i = 0; i < rows[0].columns.size(); ++i) {
    double sum = 0;
    for (const Row& row : rows) sum += row.columns[i].*ratio;
    cells.push_back(absl::StrFormat("%.2f", sum / static_cast<double>(rows.size())));
  }
  return layout.line(cells);
}

std::string AgainstLruLines(const std::vector<Row>& rows, Ratio ratio, size_t lru,
                            const Layout& layout) {
  Cells above = {"rows above lru"}, worst = {"worst row less lru"};
  for (size_t i = 0; i < rows[0].columns.size(); ++i) {
    size_t count = 0;
    double least = 100;
    for (const Row& row : rows) {
      const double lead = row.columns[i].*ratio - row.columns[lru].*ratio;
      if (lead > 0) ++count;
      least = std::min(least, lead);
    }
    above.push_back(i == lru ? "" : absl::StrFormat("%d of %d", count, rows.size()));
    worst.push_back(i == lru ? "" : absl::StrFormat("%+.2f", least));
  }
  return layout.line(above) + layout.line(worst);
}

std::string Table(absl::string_view title, const std::vector<PolicyKind>& policies,
                  const std::vector<Row>& rows, Ratio ratio, const Layout& layout) {
  Cells names = {"trace, size"};
  for (const PolicyKind& kind : policies) names.emplace_back(kind.name);
  std::string table = layout.title(title) + layout.line(names) + layout.rule(names.size());
  for (const Row& row : rows) table += RatioLine(row, ratio, layout);
  table += MeanLine(rows, ratio, layout);
  for (size_t i = 0; i < policies.size(); ++i) {
    if (absl::string_view(policies[i].name) != "lru") continue;
    table += AgainstLruLines(rows, ratio, i, layout);
  }
  return table;
}

std::string BothTables(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows,
                       const Layout& layout) {
  if (rows.empty()) return "";
  return absl::StrCat(
      Table("Hits, per cent of requests", policies, rows, &Ratios::requests, layout), "\n",
      Table("Hits, per cent of bytes", policies, rows, &Ratios::bytes, layout));
}

std::string JsonString(absl::string_view text) {
  std::string quoted = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, c));
    } else if (c < ' ') {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else {
      quoted += static_cast<char>(c);
    }
  }
  return quoted + "\"";
}

std::string JsonCell(const Row& row, const PolicyKind& kind, const Ratios& ratios) {
  return absl::StrFormat(
      R"({"trace": %s, "requests": %d, "objects": %d, "size_percent": %g, "max_bytes": %d, )"
      R"("policy": %s, "request_hit_percent": %.4f, "byte_hit_percent": %.4f})",
      JsonString(row.trace), row.trace_requests, row.trace_objects, row.size, row.max_bytes,
      JsonString(kind.name), ratios.requests, ratios.bytes);
}

}  // namespace

std::string TableReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows) {
  return BothTables(policies, rows, kTerminal);
}

std::string MarkdownReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows) {
  return BothTables(policies, rows, kMarkdown);
}

std::string JsonReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows) {
  std::vector<std::string> cells;
  for (const Row& row : rows) {
    for (size_t i = 0; i < policies.size(); ++i) {
      cells.push_back(JsonCell(row, policies[i], row.columns[i]));
    }
  }
  return absl::StrCat("[\n", absl::StrJoin(cells, ",\n"), "\n]\n");
}

}  // namespace singleflight::bench
