#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "director/templates/renderer.hpp"
#include "director/templates/test_jobs.hpp"

using namespace slipway;
using namespace slipway::director;

namespace hostile_templates_test {

namespace {

RendererOptions quick() {
  RendererOptions options;
  options.workers = 1;
  options.worker.template_timeout = std::chrono::milliseconds(3'000);
  options.worker.max_output_bytes = 100'000;
  return options;
}

Renderer& shared() {
  static Renderer renderer(quick());
  return renderer;
}

// The complaint about one template; afterwards the same renderer still works.
std::string complaint(const std::string& erb) {
  std::string text = "(no error)";
  try {
    render_one(shared(), erb);
  } catch (const Error& error) {
    text = error.what();
  }
  CHECK(render_one(shared(), "fine") == "fine");
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("not in: ", text);
  return found;
}

}  // namespace

TEST_CASE("what a template prints does not reach its output or the replies") {
  CHECK(render_one(shared(), "<% puts 'noise'; $stdout.print 'x'; STDOUT.write('y'); STDERR.puts 'z'; system('echo noise') %>ok") == "ok");
}

TEST_CASE("a template reads an empty input, not the requests") {
  CHECK(render_one(shared(), "<%= STDIN.read.inspect %>") == "\"\"");
}

TEST_CASE("exit is an error of the template") {
  CHECK(contains(complaint("<% exit %>"), "the template called exit"));
  CHECK(contains(complaint("<% abort 'bye' %>"), "the template called exit"));
  CHECK(contains(complaint("<% Thread.current.kill %>"), "the template called exit"));
}

TEST_CASE("a template that ends the worker fails alone and the worker is replaced") {
  CHECK(contains(complaint("<% exit! %>"), "'x.erb' (it ended the template worker)"));
  CHECK(contains(complaint("<% Process.kill(:KILL, Process.pid) %>"), "it ended the template worker"));
}

TEST_CASE("a template that never ends is stopped at the limit") {
  CHECK(contains(complaint("<% loop {} %>"), "'x.erb' (it ran longer than 3000 ms)"));
  CHECK(contains(complaint("<% begin; sleep; rescue Exception; retry; end %>"), "it ran longer than 3000 ms"));
}

TEST_CASE("the templates after a hung one are still rendered and their failures reported") {
  const auto job = job_of("job", {{"config/a", "<% exit! %>"}, {"config/b", "<%= p('b') %>"}, {"config/c", "c"}});
  try {
    shared().render({instance_of({{job, {}, {}}})});
    CHECK(false);
  } catch (const Error& error) {
    CHECK(contains(error.what(), "'a.erb' (it ended the template worker)"));
    CHECK(contains(error.what(), "'b.erb' (line 1: Can't find property 'b')"));
    CHECK(std::string(error.what()).find("'c.erb'") == std::string::npos);
  }
}

TEST_CASE("too much output is refused with the limit") {
  CHECK(contains(complaint("<%= 'x' * 200_000 %>"), "the output has 200000 bytes, allowed are 100000"));
}

TEST_CASE("a template that eats memory fails and the director does not") {
  CHECK(contains(complaint("<%= 'x' * (8 << 30) %>"), "failed to allocate memory"));
}

TEST_CASE("endless recursion is an error of the template") {
  CHECK(contains(complaint("<% def again; again; end; again %>"), "stack level too deep"));
}

TEST_CASE("a template that writes over the replies is found out") {
  // Every descriptor it can open by number, the reply pipe among them.
  const auto text = complaint("<% (3..20).each { |n| begin; IO.for_fd(n, 'w', autoclose: false).syswrite('x' * 64); rescue SystemCallError, ArgumentError, IOError; end } %>");
  CHECK(contains(text, "(it "));
}

TEST_CASE("a template whose thread refuses to die costs its worker, not the next template") {
  CHECK(contains(complaint("<% Thread.new { begin; sleep; ensure; loop { sleep 1 }; end }; sleep 0.1 %>"), "it ended the template worker"));
}

TEST_CASE("the copy of a worker that a template forks says nothing") {
  CHECK(render_one(shared(), "<% fork; fork %>ok") == "ok");
  CHECK(render_one(shared(), "fine") == "fine");
}

TEST_CASE("leaving a template early is an error, not an empty file") {
  CHECK(contains(complaint("a<% return %>b"), "left before its end"));
  CHECK(contains(complaint("<% raise Interrupt %>"), "Interrupt"));
  CHECK(contains(complaint("<% throw :away %>"), "uncaught throw"));
}

TEST_CASE("what a template does to the process is undone before the next") {
  render_one(shared(), "<% ENV['LEAK'] = '1'; Dir.chdir('/tmp'); $stdout = STDERR; Thread.new { sleep } %>");
  CHECK(render_one(shared(), "<%= ENV['LEAK'].inspect %> <%= Dir.pwd %> <%= Thread.list.size %>") == "nil / 1");
}

TEST_CASE("workers see none of the director's environment") {
  ::setenv("DIRECTOR_SECRET", "s3cret", 1);
  RendererOptions options;
  options.workers = 1;
  Renderer renderer(options);
  CHECK(render_one(renderer, "<%= ENV.keys.sort.inspect %>") == R"(["LANG", "LC_ALL", "PATH"])");
  ::unsetenv("DIRECTOR_SECRET");
}

}  // namespace hostile_templates_test
