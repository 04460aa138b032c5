package peers;

import com.arjuna.ats.arjuna.common.ObjectStoreEnvironmentBean;
import com.arjuna.ats.arjuna.common.arjPropertyManager;
import com.arjuna.ats.internal.arjuna.objectstore.slot.SlotStoreEnvironmentBean;
import com.arjuna.common.internal.util.propertyservice.BeanPopulator;
import com.atomikos.icatch.jta.UserTransactionManager;
import com.atomikos.jdbc.AtomikosDataSourceBean;
import com.sun.management.OperatingSystemMXBean;
import jakarta.transaction.TransactionManager;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.XAConnection;
import javax.transaction.xa.XAResource;
import org.postgresql.xa.PGXADataSource;

/**
 * A JTA transaction manager under the load of {@code syncbed bench 2pc}: closed-loop clients, one
 * transfer after another between two PostgreSQL servers. Takes the options of bench/contender.h and
 * ends with the same line of JSON.
 *
 * <p>Each peer is set up as fast as it is safe: Narayana keeps connection, XAResource and prepared
 * statement a thread; Atomikos, whose pool owns them, a pool as large as there are threads.
 */
public final class Peers {
  private static final int CONNECTIONS = 2;

  /** One transfer: an account of the first server, one of the second. */
  private interface Client {
    void transfer(String from, String to) throws Exception;
  }

  private interface Manager {
    Client client() throws Exception;
  }

  private record Options(
      String mode, int clients, long warmUpNs, long measureNs, String folder, String user,
      String database, String[] port, String statement, int accounts) {

    static Options of(String[] args) {
      Map<String, String> given = new HashMap<>();
      String[] ports = new String[CONNECTIONS];
      int n = 0;
      for (int i = 0; i + 1 < args.length; i += 2) {
        if (args[i].equals("--port")) ports[n++] = args[i + 1];
        else given.put(args[i], args[i + 1]);
      }
      return new Options(
          given.get("--mode"), Integer.parseInt(given.get("--clients")),
          Long.parseLong(given.get("--warm-up-ms")) * 1_000_000,
          Long.parseLong(given.get("--measure-ms")) * 1_000_000, given.get("--folder"),
          given.get("--user"), given.get("--database"), ports, given.get("--statement"),
          Integer.parseInt(given.get("--accounts")));
    }
  }

  /** PostgreSQL's $n as JDBC's ?, with the parameter that each of them stands for. */
  private static final class Statement {
    final StringBuilder sql = new StringBuilder();
    final int[] parameter;

    Statement(String text) {
      Matcher m = Pattern.compile("\\$(\\d)").matcher(text);
      int[] found = new int[16];
      int n = 0;
      while (m.find()) {
        found[n++] = Integer.parseInt(m.group(1));
        m.appendReplacement(sql, found[n - 1] == 2 ? "?::bigint" : "?");
      }
      m.appendTail(sql);
      parameter = Arrays.copyOf(found, n);
    }

    PreparedStatement prepare(Connection connection) throws SQLException {
      return connection.prepareStatement(sql.toString());
    }

    void add(PreparedStatement prepared, String account, long amount) throws SQLException {
      for (int i = 0; i < parameter.length; i++) {
        if (parameter[i] == 1) prepared.setString(i + 1, account);
        else prepared.setLong(i + 1, amount);
      }
      prepared.executeQuery().close();
    }
  }

  private static PGXADataSource source(Options o, int i) {
    PGXADataSource source = new PGXADataSource();
    source.setUrl("jdbc:postgresql://127.0.0.1:" + o.port[i] + "/" + o.database);
    source.setUser(o.user);
    return source;
  }

  private static Manager narayana(Options o, boolean slots) throws Exception {
    for (String part : new String[] {null, "communicationStore", "stateStore"}) {
      var store =
          part == null
              ? BeanPopulator.getDefaultInstance(ObjectStoreEnvironmentBean.class)
              : BeanPopulator.getNamedInstance(ObjectStoreEnvironmentBean.class, part);
      store.setObjectStoreDir(o.folder);
      if (slots && part == null)
        store.setObjectStoreType(
            "com.arjuna.ats.internal.arjuna.objectstore.slot.SlotStoreAdaptor");
    }
    if (slots) {
      var store = BeanPopulator.getDefaultInstance(SlotStoreEnvironmentBean.class);
      store.setStoreDir(o.folder + "/slots");
      store.setNumberOfSlots(256);
      store.setSyncWrites(true);
      store.setSyncDeletes(false);
      store.setBackingSlotsClassName("com.arjuna.ats.internal.arjuna.objectstore.slot.DiskSlots");
    }
    arjPropertyManager.getCoreEnvironmentBean().setNodeIdentifier("bench");
    TransactionManager manager = com.arjuna.ats.jta.TransactionManager.transactionManager();
    return () -> narayanaClient(o, manager);
  }

  private static Client narayanaClient(Options o, TransactionManager manager) throws Exception {
    Statement statement = new Statement(o.statement);
    XAResource[] resource = new XAResource[CONNECTIONS];
    PreparedStatement[] prepared = new PreparedStatement[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
      XAConnection connection = source(o, i).getXAConnection();
      resource[i] = connection.getXAResource();
      prepared[i] = statement.prepare(connection.getConnection());
    }
    return (from, to) -> {
      manager.begin();
      var transaction = manager.getTransaction();
      try {
        for (XAResource r : resource) transaction.enlistResource(r);
        statement.add(prepared[0], from, -1);
        statement.add(prepared[1], to, 1);
        for (XAResource r : resource) transaction.delistResource(r, XAResource.TMSUCCESS);
      } catch (Exception e) {
        manager.rollback();
        throw e;
      }
      manager.commit();
    };
  }

  private static Manager atomikos(Options o) throws Exception {
    System.setProperty("com.atomikos.icatch.log_base_dir", o.folder);
    System.setProperty("com.atomikos.icatch.max_actives", "200");
    System.setProperty("com.atomikos.icatch.tm_unique_name", "bench");
    var manager = new UserTransactionManager();
    manager.init();
    manager.setTransactionTimeout(60);
    var source = new AtomikosDataSourceBean[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
      source[i] = new AtomikosDataSourceBean();
      source[i].setUniqueResourceName("pg" + (i + 1));
      source[i].setXaDataSource(source(o, i));
      source[i].setMinPoolSize(o.clients);
      source[i].setMaxPoolSize(o.clients);
      source[i].init();
    }
    Statement statement = new Statement(o.statement);
    return () -> (from, to) -> {
      manager.begin();
      try (Connection a = source[0].getConnection();
          Connection b = source[1].getConnection();
          PreparedStatement debit = statement.prepare(a);
          PreparedStatement credit = statement.prepare(b)) {
        statement.add(debit, from, -1);
        statement.add(credit, to, 1);
      } catch (Exception e) {
        manager.rollback();
        throw e;
      }
      manager.commit();
    };
  }

  private static Manager manager(Options o) throws Exception {
    switch (o.mode) {
      case "narayana-slots":
        return narayana(o, true);
      case "narayana-file":
        return narayana(o, false);
      case "atomikos":
        return atomikos(o);
      default:
        throw new IllegalArgumentException("no peer is named " + o.mode);
    }
  }

  /** What one client did: all that it committed, and how long each took that ended in the window. */
  private static final class Samples {
    long committed;
    long[] took = new long[1 << 16];
    int n;

    void add(long ns) {
      if (n == took.length) took = Arrays.copyOf(took, 2 * n);
      took[n++] = ns;
    }
  }

  private static void work(Options o, Client client, int number, long from, long to, Samples out)
      throws Exception {
    Random random = new Random(number * 7919L + 13);
    for (long began = System.nanoTime(); began < to; ) {
      client.transfer("acct:" + random.nextInt(o.accounts), "acct:" + random.nextInt(o.accounts));
      long ended = System.nanoTime();
      out.committed++;
      if (ended >= from && ended < to) out.add(ended - began);
      began = ended;
    }
  }

  private static void sleepUntil(long at) throws InterruptedException {
    for (long left; (left = at - System.nanoTime()) > 0; ) Thread.sleep(left / 1_000_000, 1000);
  }

  public static void main(String[] args) throws Exception {
    Logger.getLogger("").setLevel(Level.SEVERE);
    Options o = Options.of(args);
    Manager manager = manager(o);
    Client[] client = new Client[o.clients];
    Samples[] samples = new Samples[o.clients];
    Thread[] thread = new Thread[o.clients];
    CountDownLatch failed = new CountDownLatch(1);
    for (int i = 0; i < o.clients; i++) client[i] = manager.client();

    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long from = System.nanoTime() + o.warmUpNs, to = from + o.measureNs;
    for (int i = 0; i < o.clients; i++) {
      int number = i;
      samples[i] = new Samples();
      thread[i] = new Thread(() -> {
        try {
          work(o, client[number], number, from, to, samples[number]);
        } catch (Exception e) {
          e.printStackTrace();
          failed.countDown();
        }
      });
      thread[i].start();
    }
    sleepUntil(from);
    long cpu = system.getProcessCpuTime();
    sleepUntil(to);
    cpu = system.getProcessCpuTime() - cpu;
    for (Thread t : thread) t.join();
    if (failed.getCount() == 0) Runtime.getRuntime().halt(1);
    report(o, samples, cpu);
    Runtime.getRuntime().halt(0); // neither of them ends its threads
  }

  private static void report(Options o, Samples[] samples, long cpuNs) {
    long committed = Arrays.stream(samples).mapToLong(s -> s.committed).sum();
    long[] took =
        Arrays.stream(samples).flatMapToLong(s -> Arrays.stream(s.took, 0, s.n)).sorted().toArray();
    int n = took.length;
    System.out.printf(
        Locale.ROOT,
        "{\"committed\":%d,\"tps\":%.1f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"cpu_us_per_txn\":%.2f}%n",
        committed, n / (o.measureNs / 1e9), took[n / 2] / 1e6, took[(int) (n * 99L / 100)] / 1e6,
        cpuNs / 1e3 / n);
    System.out.flush();
  }
}
