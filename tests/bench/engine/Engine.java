import com.espertech.esper.common.client.EPCompiled;
import com.espertech.esper.common.client.EventBean;
import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.common.client.configuration.common.ConfigurationCommonDBRef;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.DeploymentOptions;
import com.espertech.esper.runtime.client.EPEventService;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * An established engine (Esper) on our broker and database: reads power.events, asks questions.epl, writes alerts.
 *
 * <p>Arguments: bootstrap servers, JDBC URL, topic, file of questions, limits of A075 by step (fen, commas), flows of
 * A075 from lax to strict, limits of A078 ("PR1=500000,..."). Its state is in memory and gone when it ends.
 */
public final class Engine {
  private static final int LARGEST_POLL = 1000;

  private final EPEventService events;
  private final List<String[]> found = new ArrayList<>();
  private final ObjectMapper json = new ObjectMapper();
  private final List<String> flows;
  private final Map<String, Long> brinks = new HashMap<>();
  private final Map<TopicPartition, ArrayDeque<Event>> waiting = new HashMap<>();
  private final Map<TopicPartition, Long> committed = new HashMap<>();
  private long clock;

  /** An event that was read and waits until those of other partitions before it are read, too. */
  private record Event(long at, String type, JsonNode told, long offset) {}

  public static void main(String[] given) throws Exception {
    Engine engine = new Engine(given);
    engine.run(given[0], given[1], given[2]);
  }

  private Engine(String[] given) throws Exception {
    flows = List.of(given[5].split(","));
    for (String pair : given[6].split(",")) {
      brinks.put(pair.split("=")[0], Long.parseLong(pair.split("=")[1]));
    }
    Configuration settings = new Configuration();
    settings.getCommon().addImport("Questions");
    settings.getCommon().addDatabaseReference("registers", registers(given[1]));
    settings.getRuntime().getThreading().setInternalTimerEnabled(false);
    String questions = Files.readString(Path.of(given[3]));
    EPCompiled compiled = EPCompilerProvider.getCompiler().compile(questions, new CompilerArguments(settings));
    EPRuntime runtime = EPRuntimeProvider.getDefaultRuntime(settings);
    events = runtime.getEventService();
    events.advanceTime(0);
    String deployed = runtime.getDeploymentService().deploy(compiled, new DeploymentOptions()).getDeploymentId();
    runtime.getDeploymentService().getStatement(deployed, "alerts").addListener((fresh, old, statement, where) -> {
      for (EventBean one : fresh) {
        found.add(new String[] {(String) one.get("rule_id"), (String) one.get("about")});
      }
    });
    String[] limits = given[4].split(",");
    for (int step = 0; step < limits.length; step++) {
      send("Ceiling", step, Long.parseLong(limits[step]));
    }
  }

  private static ConfigurationCommonDBRef registers(String url) {
    ConfigurationCommonDBRef database = new ConfigurationCommonDBRef();
    database.setDriverManagerConnection("org.postgresql.Driver", url, new Properties());
    database.setLRUCache(100_000);
    database.setConnectionLifecycleEnum(ConfigurationCommonDBRef.ConnectionLifecycleEnum.RETAIN);
    return database;
  }

  private void run(String brokers, String url, String topic) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("group.id", "engine");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", LARGEST_POLL);
    settings.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    settings.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings);
        Connection database = DriverManager.getConnection(url);
        PreparedStatement keep = database.prepareStatement(
            "insert into engine.alerts (rule_id, about) values (?, ?) on conflict do nothing")) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(part -> partitions.add(new TopicPartition(topic, part.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      partitions.forEach(part -> waiting.put(part, new ArrayDeque<>()));
      System.out.println("READY");
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          waiting.get(new TopicPartition(topic, record.partition())).add(read(record));
        }
        take(consumer);
        if (!found.isEmpty()) {
          for (String[] alert : found) {
            keep.setString(1, alert[0]);
            keep.setString(2, alert[1]);
            keep.addBatch();
          }
          keep.executeBatch();
          found.clear();
        }
        commit(consumer);
      }
    }
  }

  /** Note how far has been taken, once its alerts are kept; after a fault some would be kept again, none lost. */
  private void commit(KafkaConsumer<byte[], byte[]> consumer) {
    Map<TopicPartition, OffsetAndMetadata> taken = new HashMap<>();
    waiting.forEach((part, lane) -> {
      long next = lane.isEmpty() ? consumer.position(part) : lane.peek().offset;
      if (next != committed.getOrDefault(part, 0L)) {
        taken.put(part, new OffsetAndMetadata(next));
        committed.put(part, next);
      }
    });
    if (!taken.isEmpty()) {
      consumer.commitSync(taken);
    }
  }

  private Event read(ConsumerRecord<byte[], byte[]> record) throws Exception {
    JsonNode told = json.readTree(record.value());
    String type = new String(record.headers().lastHeader("ce_type").value(), StandardCharsets.UTF_8);
    return new Event(Instant.parse(told.get("occurred_at").asText()).toEpochMilli(), type, told, record.offset());
  }

  /** Take what was read in the order of event time, as far as no partition can still bring something earlier. */
  private void take(KafkaConsumer<byte[], byte[]> consumer) {
    while (true) {
      ArrayDeque<Event> first = null;
      for (Map.Entry<TopicPartition, ArrayDeque<Event>> part : waiting.entrySet()) {
        ArrayDeque<Event> lane = part.getValue();
        if (lane.isEmpty() && consumer.currentLag(part.getKey()).orElse(1) > 0) {
          return;
        }
        if (!lane.isEmpty() && (first == null || lane.peek().at < first.peek().at)) {
          first = lane;
        }
      }
      if (first == null) {
        advance(System.currentTimeMillis());
        return;
      }
      Event event = first.poll();
      advance(event.at);
      tell(event);
    }
  }

  private void advance(long to) {
    if (to > clock) {
      clock = to;
      events.advanceTime(to);
    }
  }

  /** One event, as the questions want it. */
  private void tell(Event event) {
    JsonNode told = event.told, fields = told.path("fields");
    String id = text(told, "case_id"), flow = text(told, "flow"), matter = text(told, "matter");
    int sequence = told.get("sequence").asInt();
    boolean withdrawn = event.type.startsWith("case.withdrawn");
    send("Moved", id, sequence);
    String next = text(told, told.has("to_node") ? "to_node" : "next_node");
    if (!next.isEmpty() && told.has("next_due_at")) {
      double lasts = (Instant.parse(text(told, "next_due_at")).toEpochMilli() - event.at + 1) / 1000.0;
      send("Wait", id, sequence, next, Math.max(lasts, 0.001), fields.path("contract_days").asInt());
    }
    if (matter.equals("EN") && flows.contains(flow)) {
      send("Told", id, text(told, "village_code"), flows.indexOf(flow),
          Questions.stem(text(fields, "item"), text(told, "title")), event.at, money(fields, "contract_fen"),
          money(fields, "award_fen"), money(fields, "budget_fen"), money(fields, "estimate_fen"), withdrawn);
    }
    String supplier = text(fields, "supplier_id");
    if (!supplier.isEmpty()) {
      long amount = Math.max(money(fields, "award_fen"), money(fields, "contract_fen"));
      if (amount > 0 && brinks.containsKey(flow)) {
        send("Award", id, supplier, amount, brinks.get(flow));
      }
      if (!flow.equals("AS1") && !flow.equals("AS2") && !matter.equals("RE") && !matter.equals("SE")) {
        send("Deal", supplier, text(told, "village_code"), text(told, "town_code"), event.at);
      }
    }
    String invoice = text(fields, "invoice_no").replaceAll("[^\\p{L}\\p{N}]", "").toUpperCase();
    if (!invoice.isEmpty()) {
      long amount = money(fields, fields.has("invoice_fen") ? "invoice_fen" : "payment_fen");
      send("Invoice", id, invoice, supplier.isEmpty() ? text(fields, "payee_name") : supplier, amount);
    }
    meet(id, supplier, fields.path("bids"));
  }

  private void meet(String id, String supplier, JsonNode bids) {
    if (bids.size() < 2 || bids.size() > 12) {
      return;
    }
    List<String> bidders = new ArrayList<>();
    JsonNode lowest = null;
    for (JsonNode bid : bids) {
      bidders.add(text(bid, "company_id"));
      if (lowest == null || money(bid, "price_fen") < money(lowest, "price_fen")) {
        lowest = bid;
      }
    }
    bidders.sort(null);
    String winner = supplier.isEmpty() ? text(lowest, "company_id") : supplier;
    for (int one = 0; one < bidders.size(); one++) {
      for (int other = one + 1; other < bidders.size(); other++) {
        send("Meeting", id, bidders.get(one), bidders.get(other), winner);
      }
    }
  }

  private void send(String type, Object... values) {
    events.sendEventObjectArray(values, type);
  }

  private static String text(JsonNode node, String name) {
    return node.path(name).asText("");
  }

  private static long money(JsonNode node, String name) {
    return node.path(name).asLong(0);
  }
}
