#include "cpi/vsphere/image.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/soap/xml.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr std::size_t largest_text = 4u << 20;

[[noreturn]] void refuse(const std::string& image, const std::string& why) {
  throw CpiError(ErrorType::cloud_error, Fault::invalid, "stemcell image '" + image + "' " + why, false);
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

struct Texts {
  std::string descriptor, manifest;
};

Texts extract(const std::string& image, const std::filesystem::path& folder, OvfImage& out) {
  Texts texts;
  ArchiveReader reader{std::filesystem::path(image)};
  for (ArchiveEntry entry; reader.next(entry);) {
    if (entry.is_directory || !is_plain_file_name(entry.name)) continue;
    const auto ending = std::filesystem::path(entry.name).extension();
    if (ending == ".ovf") {
      if (!texts.descriptor.empty()) refuse(image, "holds more than one .ovf");
      texts.descriptor = reader.read_all(largest_text);
    } else if (ending == ".mf") {
      texts.manifest = reader.read_all(largest_text);
    } else {
      reader.read_to_file(folder / entry.name);
      out.files[entry.name] = folder / entry.name;
    }
  }
  return texts;
}

}  // namespace

std::vector<std::string> files_of_descriptor(const std::string& descriptor) {
  std::vector<std::string> names;
  for (const auto& file : parse_xml(descriptor, "the OVF descriptor").child("References").children("File")) {
    for (const auto& attribute : file.node().attributes()) {
      if (local_name(attribute.name()) == "href") names.emplace_back(attribute.value());
    }
  }
  return names;
}

std::map<std::string, std::string> parse_manifest(const std::string& text) {
  std::map<std::string, std::string> digests;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto open = line.find('('), close = line.find(')'),
               equals = line.find('=', close == std::string::npos ? 0 : close);
    if (open == std::string::npos || close == std::string::npos || equals == std::string::npos ||
        open > close)
      continue;
    std::string kind = line.substr(0, open), hex;
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const unsigned char c : line.substr(equals + 1)) {
      if (std::isxdigit(c)) hex += static_cast<char>(std::tolower(c));
    }
    const auto name = line.substr(open + 1, close - open - 1);
    if (kind == "sha1") digests[name] = hex;
    if (kind == "sha256" || kind == "sha512") digests[name] = kind + ":" + hex;
  }
  return digests;
}

OvfImage unpack_image(const std::string& image, const std::filesystem::path& folder) {
  OvfImage out;
  try {
    const auto texts = extract(image, folder, out);
    if (texts.descriptor.empty()) refuse(image, "holds no .ovf");
    out.descriptor = texts.descriptor;
    const auto digests = parse_manifest(texts.manifest);
    std::map<std::string, std::filesystem::path> wanted;
    for (const auto& name : files_of_descriptor(texts.descriptor)) {
      const auto found = out.files.find(name);
      if (found == out.files.end()) refuse(image, "lacks the file '" + name + "' that its .ovf refers to");
      if (const auto digest = digests.find(name); digest != digests.end()) {
        verify_file(found->second.string(), MultiDigest::parse(digest->second));
      }
      out.total_bytes += std::filesystem::file_size(found->second);
      wanted.insert(*found);
    }
    out.files = std::move(wanted);
  } catch (const CpiError&) {
    throw;
  } catch (const Error& error) {
    if (error.fault() == Fault::exhausted) throw;
    refuse(image, std::string("is unusable: ") + error.what());
  }
  return out;
}

}  // namespace slipway::cpi::vsphere
