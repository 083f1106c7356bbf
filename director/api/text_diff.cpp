#include "director/api/text_diff.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/yaml.hpp"

namespace slipway::director {
namespace {

constexpr int max_edits = 1000;

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Myers' greedy algorithm on the part between the common beginning and end. `history[d]`
// holds, for each diagonal k, how far x gets with d edits.
class Middle {
 public:
  Middle(const Lines& from, const Lines& to, std::size_t begin, std::size_t from_end, std::size_t to_end)
      : from_(from),
        to_(to),
        begin_(begin),
        n_(static_cast<int>(from_end - begin)),
        m_(static_cast<int>(to_end - begin)) {}

  void append_to(std::vector<DiffLine>& out) {
    const int edits = search();
    std::vector<DiffLine> reversed;
    if (edits < 0) {
      for (int y = m_; y-- > 0;) reversed.push_back({b(y), LineStatus::added});
      for (int x = n_; x-- > 0;) reversed.push_back({a(x), LineStatus::removed});
    } else {
      walk_back(edits, reversed);
    }
    out.insert(out.end(), reversed.rbegin(), reversed.rend());
  }

 private:
  const std::string& a(int x) const { return from_[begin_ + static_cast<std::size_t>(x)]; }
  const std::string& b(int y) const { return to_[begin_ + static_cast<std::size_t>(y)]; }
  // Where diagonal k begins in round d, from the rounds before.
  int start(int d, int k) const {
    if (d == 0) return 0;
    return comes_from_above(d, k) ? reach(d - 1, k + 1) : reach(d - 1, k - 1) + 1;
  }
  bool comes_from_above(int d, int k) const {
    return k == -d || (k != d && reach(d - 1, k - 1) < reach(d - 1, k + 1));
  }
  int reach(int d, int k) const { return history_[static_cast<std::size_t>(d)][static_cast<std::size_t>(k + d)]; }

  int search() {
    for (int d = 0; d <= std::min(max_edits, n_ + m_); ++d) {
      history_.emplace_back(static_cast<std::size_t>(2 * d + 1), -1);
      for (int k = -d; k <= d; k += 2) {
        int x = start(d, k);
        while (x < n_ && x - k < m_ && x - k >= 0 && a(x) == b(x - k)) ++x;
        history_.back()[static_cast<std::size_t>(k + d)] = x;
        if (x >= n_ && x - k >= m_) return d;
      }
    }
    return -1;
  }

  void walk_back(int d, std::vector<DiffLine>& reversed) const {
    int x = n_;
    int y = m_;
    for (; d >= 0; --d) {
      const int k = x - y;
      const int from = start(d, k);
      for (; x > from; --x, --y) reversed.push_back({a(x - 1), LineStatus::same});
      if (d == 0) return;
      if (comes_from_above(d, k))
        reversed.push_back({b(--y), LineStatus::added});
      else
        reversed.push_back({a(--x), LineStatus::removed});
    }
  }

  const Lines& from_;
  const Lines& to_;
  const std::size_t begin_;
  const int n_, m_;
  std::vector<std::vector<int>> history_;
};

// How deep a line lies. The items of a list may stand in the column of the key above them.
std::size_t depth_of(const std::string& line) {
  const auto column = std::min(line.find_first_not_of(' '), line.size());
  const bool item = column < line.size() && line[column] == '-';
  return 2 * column + (item ? 1 : 0);
}

// Marks the lines that lead to a changed one: each less deep than what it leads to.
std::vector<bool> lines_to_show(const std::vector<DiffLine>& lines) {
  std::vector<bool> show(lines.size(), false);
  std::vector<std::size_t> path;  // indices of the keys above, outermost first
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto depth = depth_of(lines[i].text);
    while (!path.empty() && depth_of(lines[path.back()].text) >= depth) path.pop_back();
    if (lines[i].status != LineStatus::same) {
      show[i] = true;
      for (const auto above : path) show[above] = true;
    }
    path.push_back(i);
  }
  return show;
}

const std::string hidden_value = "<redacted>";

// A digest follows until the lines are compared: hidden values differ where the values do.
Json hidden(const Json& value) {
  if (value.is_object()) {
    Json copy = Json::object();
    for (const auto& [key, inner] : value.items()) copy[key] = hidden(inner);
    return copy;
  }
  if (value.is_array()) {
    Json copy = Json::array();
    for (const auto& inner : value) copy.push_back(hidden(inner));
    return copy;
  }
  return hidden_value + sha256_hex(dump(value));
}

Json redacted(const Json& document) {
  if (document.is_object()) {
    Json copy = Json::object();
    for (const auto& [key, value] : document.items())
      copy[key] = (key == "properties" || key == "bosh") && value.is_object() ? hidden(value) : redacted(value);
    return copy;
  }
  if (document.is_array()) {
    Json copy = Json::array();
    for (const auto& value : document) copy.push_back(redacted(value));
    return copy;
  }
  return document;
}

std::string without_digest(std::string line) {
  constexpr std::size_t digest_length = 64;
  const auto at = line.find(hidden_value);
  if (at != std::string::npos) line.erase(at + hidden_value.size(), digest_length);
  return line;
}

Lines lines_of(const std::string& text, const std::string& what, bool redact) {
  if (text.empty()) return {};
  const auto document = parse_yaml(text, what);
  return split(to_yaml(redact ? redacted(document) : document));
}

}  // namespace

std::vector<DiffLine> diff_lines(const Lines& from, const Lines& to) {
  std::size_t begin = 0;
  while (begin < from.size() && begin < to.size() && from[begin] == to[begin]) ++begin;
  std::size_t tail = 0;
  while (tail < from.size() - begin && tail < to.size() - begin &&
         from[from.size() - 1 - tail] == to[to.size() - 1 - tail])
    ++tail;
  std::vector<DiffLine> lines;
  for (std::size_t i = 0; i < begin; ++i) lines.push_back({from[i], LineStatus::same});
  Middle(from, to, begin, from.size() - tail, to.size() - tail).append_to(lines);
  for (std::size_t i = from.size() - tail; i < from.size(); ++i) lines.push_back({from[i], LineStatus::same});
  return lines;
}

Json document_diff(const std::string& from, const std::string& to, const std::string& what, bool redact) {
  const auto lines = diff_lines(lines_of(from, what, redact), lines_of(to, what, redact));
  const auto show = lines_to_show(lines);
  Json diff = Json::array();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!show[i]) continue;
    Json status = nullptr;
    if (lines[i].status == LineStatus::added) status = "added";
    if (lines[i].status == LineStatus::removed) status = "removed";
    diff.push_back(Json::array({redact ? without_digest(lines[i].text) : lines[i].text, status}));
  }
  return diff;
}

}  // namespace slipway::director
