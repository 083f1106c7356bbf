# The baselines of goal 4: the same templates over the same instances, without a director.
#
#   render_baseline.rb rival|floor INPUT WORKERS
#
# INPUT holds {templates: [source…], instances: [{spec, properties, links}…]}. Prints the seconds
# that rendering took (neither starting nor reading counts) and the SHA-256 of everything
# rendered, in order.
#
#   rival  as BOSH does it: for each template of each instance a deep copy of the input, a context
#          of OpenStructs, and ERB's result, which compiles the template again. One process.
#   floor  templates compiled once to methods of one context an instance, nothing copied. WORKERS
#          processes with an even share each.
require 'digest'
require 'erb'
require 'json'
require 'ostruct'

module Lookup
  def p(name, *default)
    value = name.split('.').reduce(raw_properties) { |place, key| place && place[key] }
    return value unless value.nil?
    raise "no property #{name}" if default.empty?
    default.first
  end

  def if_p(name)
    value = p(name, nil)
    value.nil? ? Else.new(true) : (yield(value); Else.new(false))
  end

  Else = Struct.new(:holds) do
    def else
      yield if holds
    end
  end
end

module Rival
  Peer = Struct.new(:name, :index, :id, :az, :address, :bootstrap)
  Link = Struct.new(:instances, :raw_properties) { include Lookup }

  class Context
    include Lookup
    attr_reader :spec, :raw_properties, :properties

    def initialize(input)
      @raw_properties = input['properties']
      @properties = open_struct(@raw_properties)
      @spec = open_struct(input['spec'].merge('properties' => @raw_properties, 'links' => input['links']))
      @links = input['links']
    end

    def link(name)
      data = @links.fetch(name)
      peers = data['instances'].map { |peer| Peer.new(*peer.values_at('name', 'index', 'id', 'az', 'address', 'bootstrap')) }
      Link.new(peers, data['properties'])
    end

    def get_binding
      binding
    end

    private

    def open_struct(value)
      case value
      when Hash then OpenStruct.new(value.transform_values { |item| open_struct(item) })
      when Array then value.map { |item| open_struct(item) }
      else value
      end
    end
  end

  def self.renderer(templates)
    erbs = templates.map { |source| ERB.new(source, trim_mode: '-') }
    lambda do |input|
      erbs.map { |erb| erb.result(Context.new(Marshal.load(Marshal.dump(input))).get_binding) }
    end
  end
end

module Floor
  class Record
    def initialize(hash)
      @hash = hash
    end

    def method_missing(name)
      value = @hash[name.to_s]
      value.is_a?(Hash) ? Record.new(value) : value
    end
  end

  Link = Struct.new(:instances, :raw_properties) { include Lookup }

  class Context
    include Lookup
    attr_reader :raw_properties

    def initialize(input)
      @input = input
      @raw_properties = input['properties']
    end

    def spec
      Record.new(@input['spec'])
    end

    def link(name)
      data = @input['links'].fetch(name)
      Link.new(data['instances'].map { |peer| Record.new(peer) }, data['properties'])
    end
  end

  def self.renderer(templates)
    names = templates.each_with_index.map do |source, index|
      Context.class_eval("def template_#{index}\n#{ERB.new(source, trim_mode: '-').src}\nend")
      :"template_#{index}"
    end
    lambda do |input|
      context = Context.new(input)
      names.map { |name| context.public_send(name) }
    end
  end
end

def digest_of(outputs)
  all = Digest::SHA256.new
  outputs.each { |files| files.each { |content| all << content.bytesize.to_s << ':' << content } }
  all.hexdigest
end

kind, file, workers = ARGV
input = JSON.parse(File.read(file))
render = (kind == 'rival' ? Rival : Floor).renderer(input['templates'])
shares = input['instances'].each_slice((input['instances'].size / workers.to_f).ceil).to_a

# Each worker says that it is ready, waits for the common start, and sends its outputs when all is done.
processes = shares.map do |share|
  go_out, go_in = IO.pipe
  out, into = IO.pipe.each(&:binmode)
  pid = fork do
    [go_in, out].each(&:close)
    into.write('r')
    into.flush
    go_out.read(1)
    outputs = share.map { |instance| render.call(instance) }
    into.write('d')
    into.flush
    Marshal.dump(outputs, into)
    into.close
    exit!(0)
  end
  [go_out, into].each(&:close)
  { pid: pid, go: go_in, out: out }
end
processes.each { |process| process[:out].read(1) }
begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
processes.each { |process| process[:go].write('g') && process[:go].flush }
processes.each { |process| process[:out].read(1) }
took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
outputs = processes.flat_map { |process| Marshal.load(process[:out]) }
processes.each { |process| Process.wait(process[:pid]) }
puts "#{took} #{digest_of(outputs)}"
