import java.text.Normalizer;
import java.util.Locale;
import java.util.regex.Pattern;

/** What the questions need beyond the engine's own language. */
public final class Questions {
  private static final Pattern PART = Pattern.compile(
      "[[^\\p{L}\\p{N}]_\\d一二三四五六七八九十东南西北零两]|第|期|标段|标|批|次|号|片|侧", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern BEFORE_VILLAGE = Pattern.compile("^.*?(村|社区)(?=..)");

  private Questions() {}

  /** The name of works without what tells parts apart; of the title where the form names no item. */
  public static String stem(String item, String title) {
    String name = item.isEmpty() ? BEFORE_VILLAGE.matcher(title).replaceFirst("") : item;
    return PART.matcher(Normalizer.normalize(name, Normalizer.Form.NFKC)).replaceAll("").toLowerCase(Locale.ROOT);
  }

  /** Whether an invoice's number is one of the whole country, not of a printed book. */
  public static boolean electronic(String number) {
    return number.length() >= 20;
  }

  public static long worth(long contract, long award, long budget, long estimate) {
    return contract > 0 ? contract : award > 0 ? award : budget > 0 ? budget : estimate;
  }

  /** Whether two or more parts within a window reach the limit together. */
  public static boolean reaches(Long[] at, Long[] amount, long window, long limit) {
    for (long from : at) {
      int parts = 0;
      long sum = 0;
      for (int n = 0; n < at.length; n++) {
        if (at[n] >= from && at[n] - from <= window) {
          parts++;
          sum += amount[n];
        }
      }
      if (parts > 1 && sum >= limit) {
        return true;
      }
    }
    return false;
  }

  /** Whether two companies win enough of their joint cases, and only one of them or both by turns. */
  public static boolean hand_in_hand(String one, String other, String[] winners, double share) {
    int first = 0, second = 0;
    boolean turns = true;
    String before = null;
    for (String winner : winners) {
      if (!winner.equals(one) && !winner.equals(other)) {
        continue;
      }
      turns &= !winner.equals(before);
      before = winner;
      if (winner.equals(one)) first++; else second++;
    }
    return first + second >= share * winners.length && (first == 0 || second == 0 || turns && first + second > 1);
  }
}
