/* test_rule_words.c - what a rule means, as one would write it on the wall; and the rules
 * that are picked by name. */
#include "schedule/rule_ready.h"
#include "schedule/rule_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct words_case {
	const char *rule;
	const char *zh;
	const char *en;
} cases[] = {
	{"30 6 * * *", "每天 06:30", "every day at 06:30"},
	{"30 7,11,17 * * *", "每天 07:30、11:30、17:30",
	 "every day at 07:30, 11:30 and 17:30"},
	{"0,30 8,12,18 * * *", "每天 08:00、08:30、12:00、12:30、18:00、18:30",
	 "every day at 08:00, 08:30, 12:00, 12:30, 18:00 and 18:30"},
	{"* * * * *", "每天每分钟", "every day, every minute"},
	{"*/20 8-17 * * *", "每天 8 至 17 时每 20 分钟",
	 "every day, every 20 minutes of hours 8 to 17"},
	{"0 * * * *", "每天每小时整点", "every day, on the hour"},
	{"0 6-9,11,12,20 * * *", "每天 6 至 9、11、12、20 时整点",
	 "every day, on the hour of hours 6 to 9, 11, 12 and 20"},
	{"5,10-12 6-9 * * *", "每天 6 至 9 时的 5、10 至 12 分",
	 "every day, at minutes 5 and 10 to 12 of hours 6 to 9"},
	{"5 * * * *", "每天每小时 5 分", "every day, at minutes 5"},
	{"0 12 * * mon-fri", "每周一至周五 12:00", "every Monday to Friday at 12:00"},
	{"0 8 * * sat-sun", "每周六、日 08:00", "every Saturday and Sunday at 08:00"},
	{"0 8 * * 0", "每周日 08:00", "every Sunday at 08:00"},
	{"0 8 * * 1,3,5 ", "每周一、三、五 08:00",
	 "every Monday, Wednesday and Friday at 08:00"},
	{"0 9 1,15 * *", "每月 1、15 日 09:00",
	 "on the 1st and 15th of every month at 09:00"},
	{"0 9 L * *", "每月最后一天 09:00", "on the last day of every month at 09:00"},
	{"0 9 10-12,L * *", "每月 10 至 12 日和最后一天 09:00",
	 "on the 10th to 12th and the last day of every month at 09:00"},
	{"0 9 7-10 6 *", "每年 6 月 7 至 10 日 09:00",
	 "on the 7th to 10th of June at 09:00"},
	{"0 9 * 7,8 *", "每年 7、8 月的每天 09:00",
	 "every day in July and August at 09:00"},
	{"0 9 * 7 fri", "每年 7 月的每周五 09:00", "every Friday in July at 09:00"},
	{"0 9 13 * fri", "每月 13 日以及每周五 09:00",
	 "on the 13th of every month and every Friday at 09:00"},
	{"0 8 1 1 mon", "每年 1 月 1 日以及当月每周一 08:00",
	 "on the 1st of January and every Monday in January at 08:00"},
	{"0 9 */31,1-7 * fri", "每月 1 至 7 日中的周五 09:00",
	 "every Friday that is the 1st to 7th of every month at 09:00"},
	/* A field that names all is none; either of two of which one names all as well.
	 */
	{"0 9 1-31 * 0-6", "每天 09:00", "every day at 09:00"},
	{"0 9 1-31 * fri", "每天 09:00", "every day at 09:00"},
	{"30 6 * * *; workday", "每个工作日 06:30", "every workday at 06:30"},
	{"0 8 * * *; offday", "每个休息日 08:00", "every day off at 08:00"},
	{"0 8 * * *; not offday", "每天 08:00，休息日除外",
	 "every day at 08:00, not on days off"},
	{"0 8 * * *; holiday; not lunar 1-1", "每个节假日 08:00，农历正月初一除外",
	 "every holiday at 08:00, not on the 1st of lunar month 1"},
	{"0 8 * * *; swapped", "每个调休上班日 08:00",
	 "on days worked in place of others at 08:00"},
	{"0 8 * * mon; workday", "每周一 08:00，限工作日",
	 "every Monday at 08:00, only on workdays"},
	{"0 7 * * *; lunar 1,15", "农历每月初一、十五 07:00",
	 "every lunar 1st and 15th at 07:00"},
	{"0 7 * * *; lunar 1,15; lunar-leap", "农历每月初一、十五（含闰月） 07:00",
	 "every lunar 1st and 15th (leap months too) at 07:00"},
	{"0 7 * * *; not lunar-leap; lunar 20,21,30", "农历每月二十、廿一、三十 07:00",
	 "every lunar 20th, 21st and 30th at 07:00"},
	{"0 8 * * *; lunar 12-23,1-15", "农历正月十五、腊月廿三 08:00",
	 "on the 15th of lunar month 1 and the 23rd of lunar month 12 at 08:00"},
	{"0 8 * * *; lunar 12-last", "农历腊月最后一天 08:00",
	 "on the last day of lunar month 12 at 08:00"},
	{"0 8 * * *; lunar 5-3,5-4,5-5", "农历五月初三至初五 08:00",
	 "on the 3rd to 5th of lunar month 5 at 08:00"},
	{"0 6 * * *; tail 2,5,8", "公历逢二、五、八 06:00",
	 "on dates that end in 2, 5 or 8 at 06:00"},
	{"0 6 * * *; tail 5,10", "公历逢五、十 06:00",
	 "on dates that end in 5 or 0 at 06:00"},
	{"0 6 * * *; lunar-tail 4,9; lunar-leap", "农历逢四、九（含闰月） 06:00",
	 "on lunar dates that end in 4 or 9 (leap months too) at 06:00"},
	{"0 6 * * *; branch 寅,9", "每逢寅、申日 06:00", "on yin and shen days at 06:00"},
	{"0 7 * * *; term 清明,冬至", "清明、冬至 07:00",
	 "on Clear and Bright and Winter Solstice at 07:00"},
	{"0 7 * * *; every 2 days from 2026-01-01", "自 2026 年 1 月 1 日起每 2 天 07:00",
	 "every 2 days from 1 January 2026 at 07:00"},
	{"0 7 * * *; from 2026-03-01; until 2026-06-30",
	 "每天 07:00，自 2026 年 3 月 1 日起，至 2026 年 6 月 30 日止",
	 "every day at 07:00, from 1 March 2026, until 30 June 2026"},
	{"0 7 * * *; not from 2026-03-01", "每天 07:00，2026 年 3 月 1 日以前",
	 "every day at 07:00, before 1 March 2026"},
	{"0 7 * * *; not until 2026-03-01", "每天 07:00，2026 年 3 月 1 日以后",
	 "every day at 07:00, after 1 March 2026"},
	{"0 7 * * *; not date 06-07..06-10", "每天 07:00，每年 6 月 7 日至 10 日除外",
	 "every day at 07:00, not on 7 to 10 June of every year"},
	{"0 7 * * *; date 2026-06-07..2026-06-10,2026-10-01,12-30..01-02",
	 "2026 年 6 月 7 日至 10 日、2026 年 10 月 1 日、每年 12 月 30 日至次年 1 月 2 "
	 "日 "
	 "07:00",
	 "on 7 June 2026 to 10 June 2026, 1 October 2026 and 30 December to 2 January of "
	 "every year at 07:00"},
	{"0 7 * * *; date 2026-12-30..2027-01-02",
	 "2026 年 12 月 30 日至 2027 年 1 月 2 日 07:00",
	 "on 30 December 2026 to 2 January 2027 at 07:00"},
	{"0 7 * * *; date 12-20..12-10", "每年 12 月 20 日至次年 12 月 10 日 07:00",
	 "on 20 December of every year to 10 December of the next at 07:00"},
	{"at 2026-12-01 08:00", "2026 年 12 月 1 日 08:00，一次",
	 "once, on 1 December 2026 at 08:00"},
	{"at 2026-12-01 08:00:30", "2026 年 12 月 1 日 08:00:30，一次",
	 "once, on 1 December 2026 at 08:00:30"},
};

static void check(const struct rule *rule, enum rule_lang lang, const char *wanted) {
	AUTO(str_done) struct str said = STR_INIT;
	assert_int_equal(rule_sentence(rule, lang, &said), 0);
	assert_string_equal(said.data, wanted);
}

static void a_rule_is_said_in_both_languages(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error err = {0};
		AUTO(rule_free) struct rule *rule = NULL;
		if (rule_parse(cases[i].rule, &rule, &err) < 0) {
			fail_msg("%s: %s", cases[i].rule, err.text);
		}
		check(rule, RULE_ZH, cases[i].zh);
		check(rule, RULE_EN, cases[i].en);
	}
}

static void names_are_good_rules_and_are_found(void **state) {
	(void)state;
	size_t n = 0;
	for (const struct rule_ready *r = rule_ready_all(); r->name != NULL; r++, n++) {
		struct error err = {0};
		AUTO(rule_free) struct rule *rule = NULL;
		if (rule_parse(r->rule, &rule, &err) < 0) {
			fail_msg("%s: %s", r->name, err.text);
		}
		assert_ptr_equal(rule_ready_find(r->name), r);
		assert_ptr_equal(rule_ready_find(r->name_en), r);
		/* A name is no rule, or it would hide one. */
		AUTO(rule_free) struct rule *other = NULL;
		assert_int_equal(rule_parse(r->name_en, &other, NULL), -EINVAL);
		assert_int_equal(rule_parse(r->name, &other, NULL), -EINVAL);
	}
	assert_true(n > 20);
	assert_null(rule_ready_find("每天"));
	assert_null(rule_ready_find(""));
	assert_non_null(rule_ready_find("Every Morning"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_said_in_both_languages),
		cmocka_unit_test(names_are_good_rules_and_are_found),
	};
	return cmocka_run_group_tests_name("rule_words", tests, NULL, NULL);
}
