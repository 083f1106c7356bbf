#include "director/templates/worker.hpp"

#include <utility>

namespace slipway::director {

namespace {

constexpr std::size_t max_header_bytes = 64u << 10;

// Compiled templates stay in the worker's memory; beyond this many a fresh one is cheaper.
constexpr std::size_t max_known_templates = 5'000;

// The program comes over stdin: its size in eight digits, then its text. sysread, because a
// buffered read would swallow the first request and lose it when stdin is duplicated.
constexpr std::string_view bootstrap =
    "size = STDIN.sysread(8).to_i; text = +''; text << STDIN.sysread(size - text.bytesize) while text.bytesize < size; "
    "eval(text.force_encoding('UTF-8'), TOPLEVEL_BINDING, 'worker.rb')";

std::string length_prefix(std::size_t length) {
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>((length >> (24 - 8 * i)) & 0xff);
  return bytes;
}

std::size_t read_length(const std::string& bytes) {
  std::size_t length = 0;
  for (const unsigned char byte : bytes) length = length << 8 | byte;
  return length;
}

}  // namespace

Worker::Worker(const WorkerOptions& options) : options_(options) {
  ChildProcess::Options child;
  child.argv = {options.ruby, "--disable=did_you_mean,error_highlight", "-e", std::string(bootstrap)};
  child.env = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LANG", "C.UTF-8"}, {"LC_ALL", "C.UTF-8"}};
  child.working_directory = "/";
  // What templates print may hold their properties, so it is dropped.
  child.on_stderr_line = [](std::string_view) {};
  with_context("starting a template worker (" + options.ruby + ")", [&] {
    child_ = std::make_unique<ChildProcess>(std::move(child));
    const auto source = worker_source();
    auto size = std::to_string(source.size());
    size.insert(0, 8 - size.size(), '0');
    child_->write(size + std::string(source));
    // An empty request proves that the program runs.
    const Json nothing = Json::object();
    WorkerRequest hello{.job = "-", .spec = &nothing, .properties = &nothing, .links = &nothing, .templates = {}};
    hello.templates.push_back({.name = "-", .digest = "-", .content = "ready"});
    const auto template_timeout = std::exchange(options_.template_timeout, options.start_timeout);
    std::vector<TemplateOutcome> outcomes;
    render(hello, outcomes);
    options_.template_timeout = template_timeout;
    if (outcomes.at(0).content != "ready") {
      throw Error(Fault::internal, outcomes.at(0).error.value_or("it did not answer"));
    }
  });
}

void Worker::render(const WorkerRequest& request, std::vector<TemplateOutcome>& outcomes) {
  const std::size_t first = outcomes.size();
  try {
    send(request, first);
  } catch (const Error& error) {
    usable_ = false;
    outcomes.push_back({.content = {}, .error = std::string("the template worker is gone: ") + error.what(), .line = {}});
    return;
  }
  for (std::size_t i = first; i < request.templates.size() && usable_; ++i) {
    outcomes.push_back(receive(i - first));
  }
  if (known_.size() > max_known_templates) usable_ = false;
}

void Worker::send(const WorkerRequest& request, std::size_t first) {
  Json header = {{"id", ++request_},
                 {"job", request.job},
                 {"spec", *request.spec},
                 {"properties", *request.properties},
                 {"links", *request.links},
                 {"max_bytes", options_.max_output_bytes},
                 {"templates", Json::array()}};
  std::string sources;
  for (std::size_t i = first; i < request.templates.size(); ++i) {
    const auto& file = request.templates[i];
    Json entry = {{"name", file.name}, {"digest", file.digest}};
    if (known_.insert(file.digest).second) {
      entry["source_bytes"] = file.content.size();
      sources += file.content;
    }
    header["templates"].push_back(std::move(entry));
  }
  const auto text = dump(header);
  child_->write(length_prefix(text.size()) + text + sources);
}

TemplateOutcome Worker::receive(std::size_t index) {
  const auto broken = [this](std::string why) {
    usable_ = false;
    child_->terminate(std::chrono::milliseconds(0));
    return TemplateOutcome{.content = {}, .error = std::move(why), .line = {}};
  };
  const auto foreign = [&] { return broken("it wrote over the worker's replies"); };
  const auto deadline = std::chrono::steady_clock::now() + options_.template_timeout;
  const auto read = [&](std::size_t size) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    return child_->read_exactly(size, std::max(left, std::chrono::milliseconds(1)));
  };
  try {
    const auto length = read_length(read(4));
    if (length > max_header_bytes) return foreign();
    const auto header = Json::parse(read(length), nullptr, false);
    if (!header.is_object() || header.value("id", Json()) != request_ ||
        header.value("index", Json()) != index) {
      return foreign();
    }
    if (const auto error = header.find("error"); error != header.end() && error->is_string()) {
      TemplateOutcome outcome{.content = {}, .error = error->get<std::string>(), .line = {}};
      if (const auto line = header.value("line", Json()); line.is_number_integer()) outcome.line = line.get<int>();
      return outcome;
    }
    const auto size = header.value("bytes", Json());
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > options_.max_output_bytes) return foreign();
    return {.content = read(size.get<std::size_t>()), .error = {}, .line = {}};
  } catch (const Error& error) {
    if (error.fault() == Fault::retryable) {
      return broken("it ran longer than " + std::to_string(options_.template_timeout.count()) + " ms");
    }
    return broken("it ended the template worker");
  }
}

}  // namespace slipway::director
