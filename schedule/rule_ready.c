/* rule_ready.c - see rule_ready.h. docs/rules.md shows them. */
#include "rule_ready.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const struct rule_ready *rule_ready_all(void) {
	static const struct rule_ready all[] = {
		{"每天早晨", "every morning", "30 6 * * *"},
		{"每天早中晚", "morning, noon and evening", "30 7,11,17 * * *"},
		{"每天傍晚", "every evening", "0 18 * * *"},
		{"工作日", "workdays", "30 6 * * *; workday"},
		{"休息日", "days off", "0 8 * * *; offday"},
		{"节假日", "holidays", "0 8 * * *; holiday"},
		{"调休上班日", "days worked in place of others", "30 6 * * *; swapped"},
		{"每周一", "every Monday", "0 8 * * mon"},
		{"周末", "weekends", "0 8 * * sat-sun"},
		{"隔天", "every other day", "0 7 * * *; every 2 days from 2026-01-01"},
		{"每月一号", "first of the month", "0 9 1 * *"},
		{"月底", "last of the month", "0 9 L * *"},
		{"赶集 逢一四七", "market days 1 4 7", "0 6 * * *; tail 1,4,7"},
		{"赶集 逢二五八", "market days 2 5 8", "0 6 * * *; tail 2,5,8"},
		{"赶集 逢三六九", "market days 3 6 9", "0 6 * * *; tail 3,6,9"},
		{"赶集 逢五逢十", "market days 5 10", "0 6 * * *; tail 5,10"},
		{"赶集 农历逢四九", "lunar market days 4 9",
		 "0 6 * * *; lunar-tail 4,9; lunar-leap"},
		{"赶集 寅申日", "market days yin shen", "0 6 * * *; branch 寅,申"},
		{"赶集 周日", "market Sundays", "0 6 * * sun"},
		{"初一十五", "lunar 1st and 15th", "0 7 * * *; lunar 1,15; lunar-leap"},
		{"腊月廿三", "lunar 12-23", "0 8 * * *; lunar 12-23"},
		{"除夕", "lunar new year's eve", "0 18 * * *; lunar 12-last"},
		{"春节", "lunar new year", "0 8 * * *; lunar 1-1"},
		{"元宵节", "lantern festival", "0 8 * * *; lunar 1-15"},
		{"端午节", "dragon boat festival", "0 8 * * *; lunar 5-5"},
		{"中秋节", "mid-autumn festival", "0 8 * * *; lunar 8-15"},
		{"重阳节", "double ninth festival", "0 8 * * *; lunar 9-9"},
		{"清明节", "qingming", "0 7 * * *; term 清明"},
		{"冬至", "winter solstice", "0 7 * * *; term 冬至"},
		{"高考静音", "quiet on exam days", "30 6 * * *; not date 06-07..06-10"},
		{"高考期间", "exam days", "0 6 * * *; date 06-07..06-10"},
		{"暑假", "summer holidays", "30 7 * * *; date 07-01..08-31"},
		{NULL, NULL, NULL},
	};
	return all;
}

const struct rule_ready *rule_ready_find(const char *name) {
	for (const struct rule_ready *r = rule_ready_all(); r->name != NULL; r++) {
		if (strcmp(r->name, name) == 0 || strcasecmp(r->name_en, name) == 0) {
			return r;
		}
	}
	return NULL;
}
