/*
 * Aim: settings are found by name and their table holds together; the rights table says for every
 * command and query who may send it, and for nothing else.
 */
#include "floor/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void every_setting_is_found_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(xr_settings_count, XR_SETTING_COUNT);
    for (size_t i = 0; i < xr_settings_count; i++) {
        size_t index = SIZE_MAX;
        assert_ptr_equal(xr_setting_named(xr_str_of(xr_settings[i].name), &index), &xr_settings[i]);
        assert_int_equal(index, i);
        assert_ptr_equal(xr_setting_named(xr_str_of(xr_settings[i].name), NULL), &xr_settings[i]);
    }
}

static void other_names_are_no_settings(void **state)
{
    (void)state;
    size_t index = 7;
    assert_null(xr_setting_named(XR_STR("no_such"), &index));
    assert_null(xr_setting_named(XR_STR(""), &index));
    assert_null(xr_setting_named(XR_STR("grace"), &index));
    assert_null(xr_setting_named(XR_STR("grace_s "), &index));
    assert_int_equal(index, 7);
}

static void standards_lie_in_their_ranges_and_say_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < xr_settings_count; i++) {
        const struct xr_setting *setting = &xr_settings[i];
        assert_true(setting->min <= setting->standard);
        assert_true(setting->standard <= setting->max);
        assert_true(setting->unit[0] != 0);
        assert_true(setting->help[0] != 0);
    }
    assert_int_equal(xr_settings[XR_SETTING_limit_routed].standard, 12);
    assert_int_equal(xr_settings[XR_SETTING_owed_max].standard, 4);
}

static bool anybody_may(enum xr_type type)
{
    for (unsigned role = XR_role_OWNER; role <= XR_role_BRIDGE; role++) {
        if (xr_rights_allow((enum xr_role)role, type))
            return true;
    }
    return false;
}

static void commands_and_queries_have_rights_and_nothing_else(void **state)
{
    (void)state;
    size_t count;
    const struct xr_message_info *const *all = xr_messages(&count);
    for (size_t i = 0; i < count; i++) {
        const bool asked = all[i]->kind == XR_KIND_COMMAND || all[i]->kind == XR_KIND_QUERY;
        if (all[i]->kind != XR_KIND_PART)
            assert_int_equal(anybody_may(all[i]->type), asked);
    }
}

static void rights_are_those_of_the_table(void **state)
{
    (void)state;
    assert_true(xr_rights_allow(XR_role_BRIDGE, XR_TYPE_open));
    assert_false(xr_rights_allow(XR_role_AGENT, XR_TYPE_open));
    assert_false(xr_rights_allow(XR_role_OWNER, XR_TYPE_open));
    assert_true(xr_rights_allow(XR_role_SUPERVISOR, XR_TYPE_assign));
    assert_false(xr_rights_allow(XR_role_AGENT, XR_TYPE_assign));
    assert_false(xr_rights_allow(XR_role_BRIDGE, XR_TYPE_get_audit));
    assert_true(xr_rights_allow(XR_role_OWNER, XR_TYPE_account_set));
}

static void a_role_or_type_that_is_none_may_nothing(void **state)
{
    (void)state;
    assert_false(xr_rights_allow(XR_role_NONE, XR_TYPE_say));
    assert_false(xr_rights_allow((enum xr_role)(XR_role_BRIDGE + 1), XR_TYPE_say));
    assert_false(xr_rights_allow((enum xr_role)40, XR_TYPE_say));
    assert_false(xr_rights_allow(XR_role_OWNER, XR_TYPE_none));
    assert_false(xr_rights_allow(XR_role_OWNER, (enum xr_type)1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_found_by_its_name),
        cmocka_unit_test(other_names_are_no_settings),
        cmocka_unit_test(standards_lie_in_their_ranges_and_say_what_they_are),
        cmocka_unit_test(commands_and_queries_have_rights_and_nothing_else),
        cmocka_unit_test(rights_are_those_of_the_table),
        cmocka_unit_test(a_role_or_type_that_is_none_may_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
