#include "director/templates/renderer.hpp"

#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "director/templates/test_jobs.hpp"

using namespace slipway;
using namespace slipway::director;

namespace renderer_test {

namespace {

// One renderer for the file: workers start once.
Renderer& shared() {
  static Renderer renderer;
  return renderer;
}

std::string failure(const std::vector<InstanceToRender>& instances) {
  try {
    shared().render(instances);
    return "(no error)";
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
}

const Json peers = {{"peers",
                     {{"instances",
                       {{{"name", "db"}, {"index", 0}, {"id", "a"}, {"az", "z1"}, {"address", "a.db.bosh"}, {"bootstrap", true}},
                        {{"name", "db"}, {"index", 1}, {"id", "b"}, {"az", "z2"}, {"address", "b.db.bosh"}, {"bootstrap", false}}}},
                      {"properties", {{"port", 2379}}},
                      {"instance_group", "db"},
                      {"default_network", "default"},
                      {"deployment_name", "dep"},
                      {"domain", "bosh"},
                      {"az_ids", {{"z1", 1}, {"z2", 2}}}}}};

}  // namespace

TEST_CASE("p finds nested properties, tries names in order and takes its default") {
  const Json properties = {{"a", {{"b", 5}, {"off", false}}}, {"n", nullptr}};
  CHECK(render_one(shared(), "<%= p('a.b') %>", properties) == "5");
  CHECK(render_one(shared(), "<%= p('a.off') %>", properties) == "false");
  CHECK(render_one(shared(), "<%= p(['x.y', 'a.b']) %>", properties) == "5");
  CHECK(render_one(shared(), "<%= p('n', 7) %>", properties) == "7");
  CHECK(render_one(shared(), "<%= p('n', nil).inspect %>", properties) == "nil");
}

TEST_CASE("if_p yields all values or takes the next branch that fits") {
  const Json properties = {{"a", 1}, {"b", 2}};
  CHECK(render_one(shared(), "<% if_p('a', 'b') do |a, b| %><%= a + b %><% end.else do %>none<% end %>", properties) == "3");
  CHECK(render_one(shared(), "<% if_p('a', 'c') do |a, c| %>both<% end.else do %>none<% end %>", properties) == "none");
  CHECK(render_one(shared(), "<% if_p('c') do |c| %>c<% end.else_if_p('b') do |b| %>b<%= b %><% end.else do %>none<% end %>",
                   properties) == "b2");
  CHECK(render_one(shared(), "<% if_p('a') do |a| %>a<% end.else_if_p('b') do |b| %>b<% end.else do %>none<% end %>",
                   properties) == "a");
}

TEST_CASE("links give instances, properties and addresses") {
  CHECK(render_one(shared(), "<%= link('peers').instances.map(&:address).join(',') %>", {}, peers) == "a.db.bosh,b.db.bosh");
  CHECK(render_one(shared(), "<%= link('peers').instances.find(&:bootstrap).id %>", {}, peers) == "a");
  CHECK(render_one(shared(), "<%= link('peers').p('port') %> <%= link('peers').properties.port %>", {}, peers) == "2379 2379");
  CHECK(render_one(shared(), "<%= link('peers').p('nope', 'd') %>", {}, peers) == "d");
  CHECK(render_one(shared(), "<%= link('peers').address %>", {}, peers) == "q-s0.db.default.dep.bosh");
  CHECK(render_one(shared(), "<%= link('peers').address(azs: ['z2', 'z1'], status: 'healthy') %>", {}, peers) ==
        "q-a1a2s3.db.default.dep.bosh");
}

TEST_CASE("a link whose deployment uses short names has a short address") {
  auto links = peers;
  links["peers"]["short_dns"] = {{"group", "q-g5"}, {"network", "n4"}};
  CHECK(render_one(shared(), "<%= link('peers').address %>", {}, links) == "q-n4s0.q-g5.bosh");
  CHECK(render_one(shared(), "<%= link('peers').address(azs: ['z2', 'z1'], status: 'healthy') %>", {}, links) ==
        "q-a1a2n4s3.q-g5.bosh");
}

TEST_CASE("if_link runs only for a link that is there") {
  const auto erb = "<% if_link('peers') do |l| %><%= l.instances.size %><% end.else do %>alone<% end %>";
  CHECK(render_one(shared(), erb, {}, peers) == "2");
  CHECK(render_one(shared(), erb) == "alone");
  CHECK(render_one(shared(), "<% if_p('x') { }.else_if_link('peers') do |l| %>linked<% end %>", {}, peers) == "linked");
}

TEST_CASE("spec is an OpenStruct whose methods(false) are its keys") {
  CHECK(render_one(shared(), "<%= spec.networks.methods(false).inspect %>") == "[:default]");
  CHECK(render_one(shared(), "<%= spec.networks.default.ip %> <%= spec.release.version %> <%= spec.nothing.inspect %>") ==
        "10.0.0.9 1.0 nil");
  CHECK(render_one(shared(), "<%= spec.is_a?(OpenStruct) %> <%= name %>/<%= index %> <%= spec.bootstrap %>") ==
        "true web/0 true");
}

TEST_CASE("properties whose names are Ruby methods are still properties") {
  const Json properties = {{"test", 1}, {"hash", 2}, {"method", "GET"}, {"methods", 3}, {"display", {{"open", 4}}}};
  CHECK(render_one(shared(), "<%= properties.test %><%= properties.hash %><%= properties.method %><%= properties.display.open %>",
                   properties) == "12GET4");
  CHECK(render_one(shared(), "<%= properties.to_h.keys.size %> <%= raw_properties['test'] %>", properties) == "5 1");
}

TEST_CASE("a dash trims the line and output is bytes as the template made them") {
  CHECK(render_one(shared(), "<% if true -%>\nyes\n<% end -%>\n") == "yes\n");
  CHECK(render_one(shared(), "h\xC3\xA9 <%= [255].pack('C').force_encoding('UTF-8') %>") == "h\xC3\xA9 \xFF");
  CHECK(render_one(shared(), "") == "");
}

TEST_CASE("templates may define methods, constants and classes, and none reaches another template") {
  const auto erb = "<% LIMIT = 3; class Pair; def sum; 9; end; end; def twice(x) x * 2 end -%><%= twice(LIMIT) %> <%= Pair.new.sum %>";
  CHECK(render_one(shared(), erb) == "6 9");
  CHECK(render_one(shared(), erb) == "6 9");
  CHECK(render_one(shared(), "<%= defined?(LIMIT).inspect %><%= respond_to?(:twice) %>") == "nilfalse");
}

TEST_CASE("what a template does to its input does not reach the next template") {
  const auto job = job_of("job", {{"config/a", "<% spec; raw_properties['l'] << 'x'; raw_properties['s'] << 'y' %>"},
                                  {"config/b", "<%= p('l') %> <%= p('s') %>"}});
  const auto result = shared().render({instance_of({{job, {{"l", Json::array()}, {"s", "s"}}, {}}})});
  CHECK(result[0].files[2].content == "[] s");
}

TEST_CASE("a template sees what it did to its own input, links and spec included") {
  const Json links = {{"db", {{"instances", Json::array({{{"address", "b"}}, {{"address", "a"}}})}}}};
  CHECK(render_one(shared(), "<% p('l') << 'x'; p('h')['k'] = 1 -%><%= p('l') %> <%= p('h').to_a %>",
                   {{"l", Json::array()}, {"h", Json::object()}}) == "[\"x\"] [[\"k\", 1]]");
  CHECK(render_one(shared(), "<% link('db').instances.sort_by!(&:address) -%><%= link('db').instances.map(&:address) %>",
                   Json::object(), links) == "[\"a\", \"b\"]");
  CHECK(render_one(shared(), "<% spec.extra = 1; spec.networks.default.ip << '/24' -%><%= spec.extra %> "
                             "<%= spec.networks.default.ip %>") == "1 10.0.0.9/24");
}

TEST_CASE("equal values are written out each time in YAML") {
  CHECK(render_one(shared(), "<%= p('list').to_yaml %>", {{"list", {"same", "same"}}}) == "---\n- same\n- same\n");
}

TEST_CASE("blank?, JSON, YAML and shellwords are there") {
  CHECK(render_one(shared(), "<%= [''.blank?, [].blank?, 0.blank?, nil.present?].inspect %>") == "[true, true, false, false]");
  CHECK(render_one(shared(), "<%= JSON.dump('a' => 1) %><%= YAML.load('[1]') %><%= Shellwords.escape('a b') %>") ==
        "{\"a\":1}[1]a\\ b");
}

TEST_CASE("failures name group, job, template, line, cause and instances, all at once") {
  const auto bad = job_of("bad", {{"config/a", "one\ntwo <%= p('missing.one') %>"},
                                  {"config/b", "<% if %>\n"},
                                  {"config/c", "<%= link('peers') %>"},
                                  {"config/d", "fine"}});
  const auto worse = job_of("worse", {{"bin/x", "\n\n<%= properties.a.b.c %>"}});
  const auto text = failure({instance_of({{bad, {}, {}}, {worse, {}, {}}}, 0), instance_of({{bad, {}, {}}}, 1),
                             instance_of({{worse, {}, {}}}, 0, "db")});
  CHECK(text.find("Unable to render instance groups for deployment. Errors are:\n"
                  "  - Unable to render jobs for instance group 'web'. Errors are:\n"
                  "    - Unable to render templates for job 'bad'. Errors are:\n"
                  "      - Error filling in template 'a.erb' (line 2: Can't find property 'missing.one') [instances 0, 1]") == 0);
  CAPTURE(text);
  CHECK(text.find("template 'b.erb' (line 1: syntax error") != std::string::npos);
  CHECK(text.find("template 'c.erb' (line 1: Can't find link 'peers')") != std::string::npos);
  CHECK(text.find("'d.erb'") == std::string::npos);
  CHECK(text.find("template 'x.erb' (line 3: undefined method `b' for nil") != std::string::npos);
  CHECK(text.find("instance group 'db'") != std::string::npos);
}

TEST_CASE("a template that does not compile says so every time") {
  const auto erb = "<% end %>";
  for (int i = 0; i < 2; ++i) {
    CHECK(failure({instance_of({{job_of("job", {{"config/x", erb}}), {}, {}}})}).find("syntax error") != std::string::npos);
  }
}

TEST_CASE("the hash depends on what is rendered and on nothing else") {
  const auto job = job_of("job", {{"config/x", "<%= p('a') %>"}, {"bin/run", "run"}});
  const auto hash = [&](const Json& properties, const Json& links, int index) {
    return shared().render({instance_of({{job, properties, links}}, index)})[0].configuration_hash;
  };
  const auto first = hash({{"a", 1}}, {}, 0);
  CHECK(first.size() == 40);
  CHECK(hash({{"a", 1}, {"unused", 2}}, peers, 1) == first);
  CHECK(hash({{"a", 2}}, {}, 0) != first);
}

TEST_CASE("the archive holds all jobs' files, programs executable, and is the same each time") {
  const auto a = job_of("a", {{"bin/ctl", "ctl"}, {"config/x.yml", "x"}});
  const auto b = job_of("b", {});
  const auto result = shared().render({instance_of({{b, {}, {}}, {a, {}, peers}})})[0];
  CHECK(result.template_hashes.size() == 2);
  const TempDir folder;
  write_archive(result, folder.path() / "one.tgz");
  write_archive(result, folder.path() / "two.tgz");
  CHECK(read_file(folder.path() / "one.tgz") == read_file(folder.path() / "two.tgz"));
  std::vector<std::string> names;
  ArchiveReader reader(folder.path() / "one.tgz");
  ArchiveEntry entry;
  while (reader.next(entry)) {
    names.push_back(entry.name);
    if (entry.name == "a/bin/ctl") CHECK(entry.mode == 0750);
    if (entry.name == "a/config/x.yml") CHECK(entry.mode == 0640);
  }
  CHECK(names == std::vector<std::string>{"a/.bosh/links.json", "a/bin/ctl", "a/config/x.yml", "a/monit",
                                          "b/.bosh/links.json", "b/monit"});
}

TEST_CASE("many instances come back in order") {
  const auto job = job_of("job", {{"config/x", "<%= spec.index %>"}});
  std::vector<InstanceToRender> instances;
  for (int i = 0; i < 50; ++i) instances.push_back(instance_of({{job, {}, {}}}, i));
  const auto results = shared().render(instances);
  for (int i = 0; i < 50; ++i) CHECK(results[i].files[1].content == std::to_string(i));
}

TEST_CASE("a missing Ruby is an internal fault that names the program") {
  RendererOptions options;
  options.worker.ruby = "/no/such/ruby";
  Renderer renderer(options);
  try {
    render_one(renderer, "x");
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.fault() != Fault::invalid);
    CHECK(std::string(error.what()).find("/no/such/ruby") != std::string::npos);
  }
}

}  // namespace renderer_test
