# Renders ERB templates for the director. The program arrives on stdin (see worker.cpp),
# then requests do. A frame, in both directions, is a 32-bit big-endian length, that many
# bytes of JSON, and the raw bytes the JSON announces:
#
#   request  {id, job, spec, properties, links, max_bytes,
#             templates: [{name, digest, source_bytes?}]} + sources in that order
#   reply    one frame per template, in order: {id, index, bytes} + content
#            or {id, index, error, line}
#
# Templates are compiled once and kept under the digest of their source.

require 'erb'
require 'json'
require 'ostruct'
require 'set'
require 'shellwords'
require 'time'
require 'yaml'
autoload :Base64, 'base64'
autoload :Digest, 'digest'
autoload :IPAddr, 'ipaddr'
autoload :OpenSSL, 'openssl'
autoload :SecureRandom, 'securerandom'
autoload :Tempfile, 'tempfile'
autoload :URI, 'uri'
autoload :Zlib, 'zlib'

# Releases were written for a process that had ActiveSupport loaded.
class Object
  def blank?
    respond_to?(:empty?) ? !!empty? : !self
  end

  def present?
    !blank?
  end

  def presence
    self if present?
  end
end

class String
  def blank?
    match?(/\A[[:space:]]*\z/)
  end
end

class Numeric
  def blank?
    false
  end
end

module Slipway
  class UnknownProperty < StandardError
    def initialize(names)
      super("Can't find property '#{names.join("', or '")}'")
    end
  end

  class UnknownLink < StandardError
    def initialize(name)
      super("Can't find link '#{name}'")
    end
  end

  # The values are frozen where they are: equal strings stay different objects, which YAML tells apart.
  def self.deep_freeze(value)
    case value
    when Hash then value.each_value { |item| deep_freeze(item) }
    when Array then value.each { |item| deep_freeze(item) }
    end
    value.freeze
  end

  # An OpenStruct without a singleton method per key (building those costs more than
  # rendering). `methods(false)` lists the keys: releases look for network names that way.
  class Record < OpenStruct
    def self.of(value)
      case value
      when Hash then new(value)
      when Array then value.map { |item| of(item) }
      else value
      end
    end

    def initialize(hash = nil)
      @table = {}
      (hash || {}).each do |key, value|
        key = key.to_sym
        @table[key] = Record.of(value)
        next unless shadowed?(key)
        define_singleton_method(key) { @table[key] }
      end
    end

    def methods(regular = true)
      regular ? super : @table.keys
    end

    def freeze
      Slipway.deep_freeze(@table)
      super
    end

    # A key such as "test" or "hash" must win over the method every object has.
    SHADOWED = Hash.new do |known, key|
      known.clear if known.size > 10_000
      known[key] = (method_defined?(key) || private_method_defined?(key)) &&
                   !key.end_with?('!', '?') && !key.start_with?('__') && key != :object_id &&
                   instance_method(key).owner != Record
    end
    private_constant :SHADOWED

    private

    def shadowed?(key)
      SHADOWED[key]
    end

    def method_missing(name, *arguments)
      return @table[name.to_s.chomp('=').to_sym] = arguments.first if name.end_with?('=') && arguments.size == 1
      return @table[name] if arguments.empty?
      super
    end

    def respond_to_missing?(name, include_all = false)
      @table.key?(name.to_s.chomp('=').to_sym) || super
    end
  end

  module PropertyLookup
    def p(*arguments)
      names = Array(arguments[0])
      names.each do |name|
        value = find_property(name)
        return value unless value.nil?
      end
      return arguments[1] if arguments.length == 2
      raise UnknownProperty.new(names)
    end

    def if_p(*names)
      values = names.map do |name|
        value = find_property(name)
        return Otherwise.new(self) if value.nil?
        value
      end
      yield(*values)
      Settled.new
    end

    private

    def find_property(name)
      name.split('.').reduce(raw_properties) do |place, key|
        return nil unless place.is_a?(Hash)
        place[key]
      end
    end
  end

  # What if_p and if_link return when their condition did not hold.
  class Otherwise
    def initialize(context)
      @context = context
    end

    def else
      yield
    end

    def else_if_p(*names, &block)
      @context.if_p(*names, &block)
    end

    def else_if_link(name, &block)
      @context.if_link(name, &block)
    end
  end

  # … and when it did.
  class Settled
    def else; end

    def else_if_p(*_names)
      self
    end

    def else_if_link(_name)
      self
    end
  end

  class LinkInstance
    include PropertyLookup
    attr_reader :name, :index, :id, :az, :address, :properties, :raw_properties, :bootstrap

    def initialize(link, data)
      @name = data['name']
      @index = data['index']
      @id = data['id']
      @az = data['az']
      @address = data['address']
      @bootstrap = data['bootstrap']
      @raw_properties = data['properties'] || link['properties'] || {}
      @properties = Record.of(@raw_properties)
    end

    def freeze
      @properties.freeze
      super
    end
  end

  class Link
    include PropertyLookup
    STATUS = { 'default' => 0, 'unhealthy' => 1, 'healthy' => 3, 'all' => 4 }.freeze
    attr_reader :instances, :properties, :raw_properties

    def initialize(data)
      @data = data
      @raw_properties = data['properties'] || {}
      @properties = Record.of(@raw_properties)
      @instances = data['instances'].map { |instance| LinkInstance.new(data, instance) }
    end

    def freeze
      @properties.freeze
      @instances.each(&:freeze).freeze
      super
    end

    # One DNS name for all instances, or for those in some AZs or with some health.
    def address(criteria = {})
      return @data['address'] if @data['address']
      status = (criteria[:status] || 'default').to_s
      code = STATUS[status]
      raise ArgumentError, "link address: unknown status '#{status}', known: #{STATUS.keys.join(', ')}" unless code
      if (short = @data['short_dns'])
        query = "#{az_query(criteria[:azs])}#{short['network']}s#{code}"
        return "q-#{query}.#{short['group']}.#{@data['domain'] || 'bosh'}"
      end
      parts = [@data['instance_group'] || @data['group_name'], @data['default_network'],
               @data['deployment_name'], @data['domain'] || 'bosh']
      raise ArgumentError, 'link address: this link has no address' if parts.any?(&:nil?)
      "q-#{az_query(criteria[:azs])}s#{code}.#{parts.join('.')}"
    end

    private

    def az_query(names)
      known = @data['az_ids'] || {}
      Array(names).map do |name|
        id = known[name]
        raise ArgumentError, "link address: unknown az '#{name}', known: #{known.keys.join(', ')}" unless id
        "a#{id}"
      end.sort.join
    end
  end

  # What a request gives its templates. They share it frozen; one that wants to change it is run
  # again with an input of its own.
  class Input
    attr_reader :raw_properties, :name, :index

    def initialize(request, shared:)
      @shared = shared
      @raw_properties = own(request['properties'] || {})
      @raw_links = own(request['links'] || {})
      given = own(request['spec'])
      @raw_spec = given.merge('properties' => @raw_properties, 'links' => @raw_links)
      job = given['job']
      @name = job.is_a?(Hash) ? job['name'] : given['name']
      @index = given['index']
      @links = {}
    end

    def spec
      @spec ||= made(Record.of(@raw_spec))
    end

    def properties
      @properties ||= made(Record.of(@raw_properties))
    end

    def link(name)
      data = @raw_links[name]
      return nil unless data.is_a?(Hash) && data['instances']
      @links[name] ||= made(Link.new(data))
    end

    private

    def made(object)
      @shared ? object.freeze : object
    end

    def own(value)
      @shared ? Slipway.deep_freeze(value) : deep_copy(value)
    end

    def deep_copy(value)
      case value
      when Hash then value.transform_values { |item| deep_copy(item) }
      when Array then value.map { |item| deep_copy(item) }
      when String then value.dup
      else value
      end
    end
  end

  # `self` of a template.
  class Context
    include PropertyLookup
    attr_reader :raw_properties

    def initialize(input)
      @input = input
      @raw_properties = input.raw_properties
    end

    def name
      @input.name
    end

    def index
      @input.index
    end

    def spec
      @input.spec
    end

    def properties
      @input.properties
    end

    def link(name)
      @input.link(name) || raise(UnknownLink.new(name))
    end

    def if_link(name)
      found = @input.link(name)
      return Otherwise.new(self) unless found
      yield found
      Settled.new
    end
  end

  class Failure < StandardError
    attr_reader :line

    def initialize(message, line)
      super(message)
      @line = line
    end
  end

  class Worker
    def initialize(input, output)
      @input = input
      @output = output
      @compiled = {}
      @sources = {} # what has not compiled (yet)
      @environment = ENV.to_h
      @pid = Process.pid
    end

    def serve
      while (head = @input.read(4))
        request = JSON.parse(@input.read(head.unpack1('N')), max_nesting: 200)
        answer(request)
      end
    end

    private

    def answer(request)
      request['templates'].each do |template|
        size = template['source_bytes'] or next
        @sources[template['digest']] = size.zero? ? +'' : @input.read(size)
      end
      shared = Input.new(request, shared: true)
      request['templates'].each_with_index do |template, index|
        reply = { id: request['id'], index: index }
        begin
          content = render(request, template, shared)
          send_frame(reply.merge(bytes: content.bytesize), content)
        rescue Failure => failure
          send_frame(reply.merge(error: failure.message, line: failure.line))
        end
      end
    end

    def render(request, template, shared)
      file = "#{request['job']}/#{template['name']}"
      guard(file) do
        code = compiled(template['digest'], file)
        content = fill_in(code, request, shared)
        raise 'the template left before its end (return or next)' unless content.is_a?(String)
        limit = request['max_bytes']
        raise "the output has #{content.bytesize} bytes, allowed are #{limit}" if content.bytesize > limit
        content
      end
    end

    # A template that changes its input must not change the next one's.
    def fill_in(code, request, shared)
      Context.new(shared).instance_exec(&code)
    rescue FrozenError
      tidy_up
      Context.new(Input.new(request, shared: false)).instance_exec(&code)
    end

    def compiled(digest, file)
      @compiled[digest] ||= compile(@sources.fetch(digest), file).tap { @sources.delete(digest) }
    end

    # A lambda, not a method: templates may define constants and classes. They land in a
    # module of the template's own, methods on the context.
    def compile(source, file)
      text = source.dup.force_encoding(Encoding::UTF_8)
      text.force_encoding(Encoding::BINARY) unless text.valid_encoding?
      code = ERB.new(text, trim_mode: '-').src
      Module.new.module_eval("lambda { #{code}\n}", file, 0)
    end

    def guard(file)
      yield
    rescue SystemExit
      raise Failure.new('the template called exit', nil)
    rescue NoMemoryError, SystemStackError => error
      raise Failure.new(error.message, line_of(error, file))
    rescue Exception => error # a template may raise anything, ScriptError included
      raise Failure.new(message_of(error, file), line_of(error, file))
    ensure
      tidy_up
    end

    def message_of(error, file)
      text = error.message.to_s.dup.force_encoding(Encoding::UTF_8).scrub
      # A syntax error goes on to quote the generated Ruby, which nobody wrote.
      text = text.sub(/\A#{Regexp.escape(file)}:\d+: /, '').lines.first.to_s.chomp if error.is_a?(SyntaxError)
      text[0, 2000]
    end

    def line_of(error, file)
      if error.is_a?(SyntaxError) && (found = error.message[/^#{Regexp.escape(file)}:(\d+)/, 1])
        return found.to_i
      end
      location = (error.backtrace || []).find { |entry| entry.start_with?("#{file}:") }
      location && location[file.length + 1..].to_i
    end

    # What one template did to the process must not reach the next.
    def tidy_up
      exit!(0) unless Process.pid == @pid # the copy a template forked has nothing to say
      end_other_threads if Thread.list.size > 1
      ENV.replace(@environment) unless ENV.to_h == @environment
      Dir.chdir('/')
      $stdout = STDOUT
      $stderr = STDERR
      $VERBOSE = nil
    end

    def end_other_threads
      threads = (Thread.list - [Thread.current]).each(&:kill)
      exit!(1) unless threads.all? { |thread| thread.join(1) } # one that refuses to die costs the worker
    end

    def send_frame(header, content = nil)
      json = JSON.generate(header)
      @output.write([json.bytesize].pack('N'), json)
      @output.write(content) if content
      @output.flush
    end
  end
end

$VERBOSE = nil
trap('TERM') { exit!(0) }
Process.setrlimit(:CORE, 0)
Process.setrlimit(:AS, 2 << 30) # a template that eats memory fails, the machine does not

# The frames get descriptors of their own; what a template prints goes to stderr, and what
# it reads is empty.
input = STDIN.dup
output = STDOUT.dup
[input, output].each { |io| io.binmode.close_on_exec = true }
STDIN.reopen('/dev/null', 'r')
STDOUT.reopen(STDERR)
Dir.chdir('/')
Slipway::Worker.new(input, output).serve
exit!(0)
