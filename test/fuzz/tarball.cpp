#include "test/fuzz/tarball.hpp"

#include <sstream>
#include <vector>

#include "base/digest.hpp"
#include "test/scenario/bad_input/samples.hpp"

namespace slipway::fuzz {
namespace {

constexpr std::size_t longest_name = 99;  // of a tar header

struct Entry {
  std::string name, link, content;
  char type = '0';
  std::vector<Entry> inner;
};

Entry entry_of(const std::string& line) {
  std::istringstream words(line);
  Entry entry;
  std::string type;
  words >> entry.name >> type >> entry.link;
  entry.name.resize(std::min(entry.name.size(), longest_name));
  entry.link.resize(std::min(entry.link.size(), longest_name));
  if (!type.empty()) entry.type = type.front();
  return entry;
}

std::vector<Entry> read(std::string_view input) {
  std::vector<Entry> entries;
  std::istringstream lines{std::string(input)};
  Entry* current = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("@@ ") && !entries.empty()) {
      current = &entries.back().inner.emplace_back(entry_of(line.substr(3)));
    } else if (line.starts_with("@ ")) {
      current = &entries.emplace_back(entry_of(line.substr(2)));
    } else if (current) {
      current->content += line + "\n";
    }
  }
  return entries;
}

std::string tar(const std::vector<Entry>& entries) {
  std::string bytes;
  for (const auto& entry : entries) bytes += test::tar_entry(entry.name, entry.type, entry.content, entry.link);
  return bytes + test::tar_end();
}

void fill_in_digests(std::string& content, const std::vector<Entry>& entries) {
  for (const auto& entry : entries) {
    const auto token = "SHA1(" + entry.name + ")";
    const auto digest = sha1_hex(entry.content);
    for (auto at = content.find(token); at != std::string::npos; at = content.find(token, at + digest.size()))
      content.replace(at, token.size(), digest);
  }
}

}  // namespace

std::string tar_of(std::string_view input) {
  if (input.starts_with('!')) return std::string(input.substr(1));
  auto entries = read(input);
  for (auto& entry : entries)
    if (!entry.inner.empty()) entry.content = tar(entry.inner);
  const auto with_contents = entries;
  for (auto& entry : entries)
    if (entry.inner.empty()) fill_in_digests(entry.content, with_contents);
  return tar(entries);
}

}  // namespace slipway::fuzz
